# Inefficiency of score matching, plain and with a Stein kernel, against a grid key; a panel for each choice of free parameters.
# x: axis
# columns: inefficiency_max
# size: 17 8.5
#
# Of `cells`: inefficiency_max (curves), montecarlo_inefficiency with two standard errors each way (marks; open where the cell is not
# asymptotic; arrow heads above the axis).  Give the results of several experiments for several panels.

across = V > 1 ? room_for(V > 3 ? 3 : V) : 1
if (V > 1) { page_top = page_top - 0.45 }
short = ""
array group[S]
groups = 0
do for [i = 1:S] {
    if (strstrt(short, "<" . loss_short(L(i)) . ">") == 0) { short = short . "<" . loss_short(L(i)) . ">"; groups = groups + 1; group[groups] = i }
}
per_row = key_columns(28)
eval page_open(groups + 1)
drawn(i) = column("montecarlo_inefficiency") < high ? column("montecarlo_inefficiency") : NaN
error_of(i) = column("montecarlo_inefficiency_se")
shown(want) = column("asymptotic") == want ? drawn(0) : NaN
beyond(i) = column("montecarlo_inefficiency") >= high ? high / (high / low) ** 0.015 : NaN
here(i, v) = series_variant[i] == v
do for [v = 1:across] {
    eval panel(v, across, 1)
    if (V > 1) { eval panel_title(variant[v]) }
    eval forget
    do for [i = 1:S] { if (here(i, v)) { stats series(i) using (seen(column("inefficiency_max"))) nooutput } }
    curves = most
    do for [i = 1:S] { if (here(i, v)) { stats series(i) using (seen(column("montecarlo_inefficiency"))) nooutput } }
    low = least < 0.8 ? 0.8 * least : 0.8
    high = curves > 0 && most > 20 * curves ? 30 * curves : 1.5 * most
    eval x_axis
    eval log_axis("y", low, high)
    set xlabel x_label
    set ylabel v == 1 ? "inefficiency, worst direction" : ""
    plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(here(lead[k], v) ? column("inefficiency_max") : NaN) with lines \
            linecolor rgb loss_colour(L(lead[k])) linewidth curve_width dashtype loss_dash(L(lead[k])), \
         for [i = 1:S] series(i) using (x_of(i)):(here(i, v) ? bar_from(drawn(i), error_of(i)) : NaN):(0):(bar_length(drawn(i), error_of(i))) with vectors nohead \
            linecolor rgb loss_colour(L(i)) linewidth bar_width, \
         for [i = 1:S] series(i) using (x_of(i)):(here(i, v) ? shown(1) : NaN) with points \
            linecolor rgb loss_colour(L(i)) pointtype loss_mark(L(i)) pointsize size_mark(series_n[i]), \
         for [i = 1:S] series(i) using (x_of(i)):(here(i, v) ? shown(0) : NaN) with points \
            linecolor rgb loss_colour(L(i)) pointtype hollow(loss_mark(L(i))) pointsize size_mark(series_n[i]), \
         for [i = 1:S] series(i) using (x_of(i)):(here(i, v) ? beyond(i) : NaN) with points \
            linecolor rgb loss_colour(L(i)) pointtype 8 pointsize size_mark(series_n[i])
}
eval page_key
plot NaN notitle, \
     for [k = 1:groups] keyentry with linespoints linecolor rgb loss_colour(L(group[k])) linewidth curve_width dashtype loss_dash(L(group[k])) \
        pointtype loss_mark(L(group[k])) pointsize mark_size title loss_short(L(group[k])), \
     for [k = 1:has_montecarlo_inefficiency] keyentry with points linecolor rgb grey pointtype 6 pointsize mark_size title "Monte Carlo, not asymptotic"
eval page_close
