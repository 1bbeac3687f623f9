# Inefficiency against relaxation time, every cell and loss of one or several results: the figure of the dictionary.
# x: any
# columns: relaxation_time inefficiency_max
# size: 17 11
#
# Of `cells`: inefficiency_max against relaxation_time in continuous spaces, against relaxation_sweeps on sites, a panel each (marks: colour the
# loss, darker for larger masks, shape the family; thin lines join the cells of a grid), montecarlo_inefficiency with two standard errors each
# way at the same place, where the cell is asymptotic (dots).  The axes end at the power of ten that no more than one value in fifty exceeds:
# arrows stand for these.  Dotted: the Kantorovich form (1+k)^2/(4k), k = relaxation time x 1: an upper bound for generators whose spectrum ends
# at 1, a guide for all others.

# Clocks differ between rows on sites: their time is counted in events a site.  (A missing value undoes the point that looks at it.)
array sited[S]
do for [i = 1:S] { sited[i] = 0; stats series(i) using (sited[i] = sited[i] || column("relaxation_sweeps") > 0, 1) nooutput }
time_of(i) = sited[i] ? column("relaxation_sweeps") : column("relaxation_time")
sites = int(sum [i = 1:S] sited[i])
across = sites > 0 && sites < S ? room_for(2) : 1
only = across == 1 && sites == S
if (across == 2) { page_top = page_top - 0.45 }

# Masks of all sizes are one entry of the key.
group_of(l) = is_a(l, "masked-random") ? "one random mask a datum" : is_a(l, "masked") ? "masks averaged" : loss_short(l)
shown_colour(l) = masks(l) ? loss_colour(is_a(l, "masked") ? "masked:k=3" : "masked-random:k=3") : loss_colour(l)
short = ""
array group[losses]
groups = 0
do for [k = 1:losses] {
    if (strstrt(short, "<" . group_of(loss[k]) . ">") == 0) {
        short = short . "<" . group_of(loss[k]) . ">"
        groups = groups + 1
        group[groups] = loss[k]
    }
}
per_row = txt ? 1 : 3
eval page_open(groups + families + 4)

# The power of ten that no more than one value in fifty exceeds, of values that pass through counted().
array above[301]
exponent_of(v) = v < 10 ? 1 : v < 1e300 ? 1 + int(floor(log10(v))) : 301
counted(v) = (above[exponent_of(v)] = above[exponent_of(v)] + 1, seen(v))
clear_counts = "do for [e = 1:301] { above[e] = 0 }; " . forget
cut_counts = "values = int(sum [e = 1:301] above[e]); e = 301; over = 0; " . \
    "while (e > 1 && 50 * (over + above[e]) <= values) { over = over + above[e]; e = e - 1 }; end = over > 0 ? 10.0 ** e : 1.7 * most"
low = 0.8
any_over = 0
mine(i) = across == 1 || sited[i] == (side == 2)
inside(t, v) = t < right && v < high ? v : NaN
exact(k) = inside(time_of(lead[k]), column("inefficiency_max"))
sampled(i) = column("asymptotic") == 1 ? inside(time_of(i), column("montecarlo_inefficiency")) : NaN
error_of(k) = column("montecarlo_inefficiency_se")
beyond(k) = time_of(lead[k]) < right && column("inefficiency_max") >= high ? arrow_foot(low, high) : NaN
far(k) = time_of(lead[k]) >= right && column("inefficiency_max") < high ? column("inefficiency_max") : NaN
kantorovich(k) = k < 1 ? NaN : (1 + k) ** 2 / (4 * k)
C(k) = loss_colour(L(lead[k]))
mark_of(k) = family_mark(family[series_family[lead[k]]])
set samples 400
do for [side = 1:across] {
    eval panel(side, across, 1)
    if (across == 2) { eval panel_title(side == 1 ? "continuous spaces" : "sites with finitely many states") }
    eval clear_counts
    do for [k = 1:leads] { if (mine(lead[k])) { stats series(lead[k]) using (time_of(lead[k]) > 0 ? counted(time_of(lead[k])) : 1) nooutput } }
    eval cut_counts
    left = 0.6 * least
    right = end
    any_over = any_over || over > 0
    eval clear_counts
    do for [k = 1:leads] { if (mine(lead[k])) { stats series(lead[k]) using (column("inefficiency_max") > 0 ? counted(column("inefficiency_max")) : 1) nooutput } }
    eval cut_counts
    high = end
    any_over = any_over || over > 0
    eval log_axis("x", left, right)
    eval log_axis("y", low, high)
    set xlabel side == 2 || only ? "relaxation time in sweeps" : "relaxation time 1/gap, in own time"
    set ylabel side == 1 ? "inefficiency against maximum likelihood, worst direction" : ""
    set grid xtics ytics
    plot kantorovich(x) with lines linecolor rgb grey linewidth 1.2 dashtype 3, \
         for [k = 1:leads] series(lead[k]) using (time_of(lead[k])):(mine(lead[k]) ? exact(k) : NaN) with lines linecolor rgb C(k) linewidth 0.35, \
         for [i = 1:S] series(i) using (time_of(i)):(mine(i) ? bar_from(sampled(i), error_of(i)) : NaN):(0):(bar_length(sampled(i), error_of(i))) with vectors nohead \
            linecolor rgb loss_colour(L(i)) linewidth bar_width, \
         for [i = 1:S] series(i) using (time_of(i)):(mine(i) ? sampled(i) : NaN) with points linecolor rgb loss_colour(L(i)) pointtype 7 pointsize 0.2, \
         for [k = 1:leads] series(lead[k]) using (time_of(lead[k])):(mine(lead[k]) ? exact(k) : NaN) with points linecolor rgb C(k) linewidth 1.1 pointtype mark_of(k) \
            pointsize (sited[lead[k]] ? 0.9 : 1.3) * mark_size, \
         for [k = 1:leads] series(lead[k]) using (time_of(lead[k])):(mine(lead[k]) ? beyond(k) : NaN):(0):(arrow_length(low, high)) with vectors @arrow_head linecolor rgb C(k) linewidth bar_width, \
         for [k = 1:leads] series(lead[k]) using (right / (right / left) ** 0.04):(mine(lead[k]) ? far(k) : NaN):(right - right / (right / left) ** 0.04):(0) with vectors @arrow_head \
            linecolor rgb C(k) linewidth bar_width
}

eval page_key
set key spacing 1.0 samplen 1.6 width -1
plot NaN notitle, \
     for [k = 1:groups] keyentry with lines linecolor rgb shown_colour(group[k]) linewidth 4 title group_of(group[k]), \
     for [k = 1:families] keyentry with points linecolor rgb "#303030" linewidth 1.1 pointtype family_mark(family[k]) pointsize 1.2 * mark_size title family[k], \
     for [k = 1:has_montecarlo_inefficiency] keyentry with yerrorbars linecolor rgb grey linewidth bar_width pointtype 7 pointsize 0.3 \
        title "Monte Carlo ± 2 se", \
     for [k = 1:any_over] keyentry with dots linecolor rgb "white" title "↑ → beyond the axis", \
     for [k = 1:1] keyentry with lines linecolor rgb grey linewidth 1.2 dashtype 3 title "Kantorovich form"
eval page_close
