# How far the learned joint law is from the truth, in KL divergence, against the sample size.
# x: n
# columns: kl_mean kl_median
# arrays: inefficiency
# size: 17 9.5
#
# Of `cells`, KL(p || p of theta-hat): kl_mean with two standard errors each way (marks, open where the cell is not asymptotic); crosses:
# kl_median where a fit is infinitely far off, because its data are separated, and arrows where most are; lines: sum of `inefficiency` / (2 n),
# the asymptotic mean.  Left all losses but those that draw one mask a datum,
# which stand right, with likelihood; masks of k sites have one colour in both.

random(i) = is_a(L(i), "masked-random")
randoms = int(sum [i = 1:S] random(i))
across = randoms > 0 && randoms < S ? room_for(2) : 1
if (across == 2) { page_top = page_top - 0.45 }
per_row = 3
C(i) = masks(L(i)) ? shade_of(blues, k_of(L(i))) : loss_colour(L(i))
# Masks by k, other losses by name.
array masked[33]
do for [k = 1:33] { masked[k] = 0 }
others = 0
array other[losses]
do for [k = 1:losses] {
    if (masks(loss[k])) { masked[k_of(loss[k])] = 1 } else { others = others + 1; other[others] = loss[k] }
}
eval page_open(others + int(sum [k = 1:33] masked[k]) + 5)
array T[records * files]
do for [k = 1:|T|] { T[k] = 0 }
place_of(f) = int(column("record")) + records * (f - 1) + 1
do for [f = 1:files] { stats array_file(f, "inefficiency") using (column("value") > 0 ? T[place_of(f)] = T[place_of(f)] + column("value") : 0, 1) nooutput }
asymptote(i) = (value_here = T[place_of(series_file[i])] / (2.0 * column("n")), value_here > 0 ? value_here : NaN)
mine(i, side) = across == 1 || is_a(L(i), "mle") || random(i) == (side == 2)
n_of(i) = column("n") * x_step ** (0.5 * ((series_loss[i] - 0.5) / losses - 0.5))
finite(v) = v < 1e300 ? v : NaN
mean(i) = finite(column("kl_mean"))
two(i) = column("kl_mean_se")
filled(v) = column("asymptotic") == 1 ? v : NaN
empty(v) = column("asymptotic") == 1 ? NaN : v
median(i) = column("kl_mean") < 1e300 ? NaN : finite(column("kl_median"))
eval forget
do for [i = 1:S] { stats series(i) using (seen(asymptote(i)), seen(mean(i) - 2 * two(i)), seen(mean(i) + 2 * two(i)), seen(median(i))) nooutput }
low = 0.7 * least
high = 2 * most
infinite = 0
medians = 0
do for [i = 1:S] { stats series(i) using (infinite = infinite || column("kl_median") >= 1e300, medians = medians || median(i) > 0, 1) nooutput }
lost(i) = column("kl_median") >= 1e300 ? arrow_foot(low, high) : NaN
do for [side = 1:across] {
    eval panel(side, across, 1)
    if (across == 2) { eval panel_title(side == 1 ? "all masks averaged" : "one random mask a datum") }
    eval x_axis
    eval log_axis("y", low, high)
    set xlabel "sample size n"
    set ylabel side == 1 ? "KL divergence of the joint law, nats" : ""
    plot for [i = 1:S] series(i) using (column("n")):(mine(i, side) ? asymptote(i) : NaN) with lines linecolor rgb C(i) linewidth 0.9, \
         for [i = 1:S] series(i) using (n_of(i)):(mine(i, side) ? bar_from(mean(i), two(i)) : NaN):(0):(bar_length(mean(i), two(i))) with vectors nohead \
            linecolor rgb C(i) linewidth bar_width, \
         for [i = 1:S] series(i) using (n_of(i)):(mine(i, side) ? filled(mean(i)) : NaN) with points linecolor rgb C(i) pointtype loss_mark(L(i)) pointsize mark_size, \
         for [i = 1:S] series(i) using (n_of(i)):(mine(i, side) ? empty(mean(i)) : NaN) with points linecolor rgb C(i) linewidth bar_width \
            pointtype hollow(loss_mark(L(i))) pointsize mark_size, \
         for [i = 1:S] series(i) using (n_of(i)):(mine(i, side) ? median(i) : NaN) with points linecolor rgb C(i) linewidth bar_width pointtype 2 pointsize 1.2 * mark_size, \
         for [i = 1:S] series(i) using (n_of(i)):(mine(i, side) ? lost(i) : NaN):(0):(arrow_length(low, high)) with vectors @arrow_head linecolor rgb C(i) linewidth bar_width
}
eval page_key
plot NaN notitle, \
     for [k = 1:others] keyentry with linespoints linecolor rgb loss_colour(other[k]) linewidth 0.9 pointtype loss_mark(other[k]) pointsize mark_size \
        title loss_title(other[k]), \
     for [k = 1:33] for [j = 1:masked[k]] keyentry with lines linecolor rgb shade_of(blues, k) linewidth 4 title sprintf("masks of %d", k), \
     for [k = 1:1] keyentry with lines linecolor rgb grey linewidth 0.9 title "asymptotic mean", \
     for [k = 1:1] keyentry with yerrorbars linecolor rgb grey linewidth bar_width pointtype 7 pointsize mark_size title "mean ± 2 se", \
     for [k = 1:1] keyentry with points linecolor rgb grey pointtype 6 pointsize mark_size title "not asymptotic", \
     for [k = 1:medians] keyentry with points linecolor rgb grey linewidth bar_width pointtype 2 pointsize 1.2 * mark_size title "median, mean infinite", \
     for [k = 1:infinite] keyentry with dots linecolor rgb "white" title "↑ median infinite"
eval page_close
