# Inefficiency of score matching, plain and with a Stein kernel, against a grid key; a panel for each choice of free parameters.
# x: axis
# columns: inefficiency_max
# size: 17 8.5
#
# Of `cells`: inefficiency_max (curves), montecarlo_inefficiency with two standard errors each way (marks; open where the cell is not
# asymptotic, arrows where it lies above the axis; the losses of one grid value stand side by side).  Give the results of several experiments
# for several panels.

across = V > 1 ? room_for(V > 3 ? 3 : V) : 1
if (V > 1) { page_top = page_top - 0.45 }
short = ""
array group[S]
groups = 0
do for [i = 1:S] {
    if (strstrt(short, "<" . loss_short(L(i)) . ">") == 0) { short = short . "<" . loss_short(L(i)) . ">"; groups = groups + 1; group[groups] = i }
}
per_row = key_columns(29)
eval page_open(groups + words(sizes) + 2)
x_apart(i) = x_shifted(i, beside(series_loss[i], losses, across > 1 ? 0.3 : 0.2))
drawn(i) = column("montecarlo_inefficiency") < high ? column("montecarlo_inefficiency") : NaN
error_of(i) = column("montecarlo_inefficiency_se")
shown(want) = column("asymptotic") == want ? drawn(0) : NaN
beyond(i) = column("montecarlo_inefficiency") >= high ? arrow_foot(low, high) : NaN
here(i, v) = series_variant[i] == v
more_above = 0
do for [v = 1:across] {
    eval panel(v, across, 1)
    if (V > 1) { eval panel_title(variant[v]) }
    eval forget
    do for [i = 1:S] { if (here(i, v)) { stats series(i) using (seen(column("inefficiency_max"))) nooutput } }
    curves = most
    do for [i = 1:S] { if (here(i, v)) { stats series(i) using (seen(column("montecarlo_inefficiency"))) nooutput } }
    low = least < 0.8 ? 0.8 * least : 0.8
    high = curves > 0 && most > 20 * curves ? 30 * curves : 1.5 * most
    more_above = more_above || most >= high
    eval x_axis
    eval log_axis("y", low, high)
    set xlabel x_label noenhanced
    set ylabel v == 1 ? "inefficiency, worst direction" : ""
    plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(here(lead[k], v) ? column("inefficiency_max") : NaN) with lines \
            linecolor rgb loss_colour(L(lead[k])) linewidth curve_width dashtype loss_dash(L(lead[k])), \
         for [i = 1:S] series(i) using (x_apart(i)):(here(i, v) ? bar_from(drawn(i), error_of(i)) : NaN):(0):(bar_length(drawn(i), error_of(i))) with vectors nohead \
            linecolor rgb loss_colour(L(i)) linewidth bar_width, \
         for [i = 1:S] series(i) using (x_apart(i)):(here(i, v) ? shown(1) : NaN) with points \
            linecolor rgb loss_colour(L(i)) pointtype loss_mark(L(i)) pointsize size_mark(series_n[i]), \
         for [i = 1:S] series(i) using (x_apart(i)):(here(i, v) ? shown(0) : NaN) with points \
            linecolor rgb loss_colour(L(i)) pointtype hollow(loss_mark(L(i))) pointsize size_mark(series_n[i]), \
         for [i = 1:S] series(i) using (x_apart(i)):(here(i, v) ? beyond(i) : NaN):(0):(arrow_length(low, high)) \
            with vectors @arrow_head linecolor rgb loss_colour(L(i)) linewidth bar_width
}
eval page_key
plot NaN notitle, \
     for [k = 1:groups] keyentry with linespoints linecolor rgb loss_colour(L(group[k])) linewidth curve_width dashtype loss_dash(L(group[k])) \
        pointtype loss_mark(L(group[k])) pointsize mark_size title loss_short(L(group[k])), \
     for [k = 1:words(sizes)] keyentry with points linecolor rgb grey pointtype 7 pointsize size_mark(int(word(sizes, k))) \
        title sprintf("Monte Carlo ± 2 se, n = %s", word(sizes, k)), \
     for [k = 1:has_montecarlo_inefficiency] keyentry with points linecolor rgb grey pointtype 6 pointsize mark_size title "not asymptotic", \
     for [k = 1:more_above] keyentry with dots linecolor rgb "white" title arrow_title
eval page_close
