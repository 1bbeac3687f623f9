# Inefficiency against a grid key, one panel a choice of free parameters (or whatever else tells the curves apart).
# x: axis
# columns: inefficiency_max
# size: 17 8.5
#
# Of `cells`: inefficiency_max (curves, with two of inefficiency_error each way where that shows), montecarlo_inefficiency
# with two standard errors each way (marks; open where the cell is not asymptotic, arrows where it lies above the axis).
# All panels have one vertical axis.

shown = V < 4 ? V : 4
across = room_for(shown)
page_top = page_top - 0.45
theory(i) = column("inefficiency_max")
error_of(i) = column("inefficiency_error")
estimate(i) = column("montecarlo_inefficiency")
deviation(i) = column("montecarlo_inefficiency_se")
eval forget
do for [i = 1:S] { stats series(i) using (seen(theory(i))) nooutput }
curves = most
low = least < 0.8 ? 0.8 * least : 0.8
do for [i = 1:S] { stats series(i) using (estimate(i) < 3 * curves ? seen(estimate(i) + 2 * deviation(i)) : 0) nooutput }
high = 1.5 * (curves > 0 && most > 6 * curves ? 6 * curves : most)
eval forget
do for [i = 1:S] { stats series(i) using (seen(estimate(i))) nooutput }
more_above = most >= high
marked = most > -1e300
wanted(i, v) = across == 1 || series_variant[i] == v
in(i, v, y) = wanted(i, v) ? y : NaN
below(y) = y < high ? y : NaN
of(i, want) = column("asymptotic") == want ? below(estimate(i)) : NaN
beyond(i) = estimate(i) >= high ? arrow_foot(low, high) : NaN
plain_bar(i) = error_of(i) > 0.01 * theory(i) ? bar_length(theory(i), error_of(i)) : NaN
per_row = key_columns(longest_loss)
eval page_open(losses + 3)
do for [v = 1:across] {
    eval panel(v, across, 1)
    eval panel_title(across == 1 ? "" : strlen(variant[v]) ? variant[v] : family[1])
    eval x_axis
    eval log_axis("y", low, high)
    set xlabel v == (across + 1) / 2 ? x_label : x_key
    set ylabel v == 1 ? "inefficiency, worst direction" : ""
    plot for [i = 1:S] series(i) using (x_of(i)):(in(i, v, series_lead[i] ? theory(i) : NaN)) with lines linecolor rgb loss_colour(L(i)) \
            linewidth curve_width dashtype loss_dash(L(i)), \
         for [i = 1:S] series(i) using (x_of(i)):(in(i, v, bar_from(theory(i), error_of(i)))):(0):(plain_bar(i)) with vectors nohead \
            linecolor rgb loss_colour(L(i)) linewidth 0.5 * bar_width, \
         for [i = 1:S] series(i) using (x_beside(i)):(in(i, v, bar_from(below(estimate(i)), deviation(i)))):(0):(bar_length(below(estimate(i)), deviation(i))) \
            with vectors nohead linecolor rgb loss_colour(L(i)) linewidth bar_width, \
         for [i = 1:S] series(i) using (x_beside(i)):(in(i, v, of(i, 1))) with points linecolor rgb loss_colour(L(i)) linewidth bar_width \
            pointtype loss_mark(L(i)) pointsize mark_size, \
         for [i = 1:S] series(i) using (x_beside(i)):(in(i, v, of(i, 0))) with points linecolor rgb loss_colour(L(i)) linewidth bar_width \
            pointtype hollow(loss_mark(L(i))) pointsize mark_size, \
         for [i = 1:S] series(i) using (x_beside(i)):(in(i, v, beyond(i))):(0):(arrow_length(low, high)) with vectors @arrow_head \
            linecolor rgb loss_colour(L(i)) linewidth bar_width
}
eval page_key
plot NaN notitle, \
     for [k = 1:losses] keyentry with linespoints linecolor rgb loss_colour(loss[k]) linewidth curve_width dashtype loss_dash(loss[k]) \
        pointtype loss_mark(loss[k]) pointsize mark_size title loss_title(loss[k]), \
     for [k = 1:marked] keyentry with yerrorbars linecolor rgb grey linewidth bar_width pointtype 7 pointsize mark_size title "Monte Carlo ± 2 se", \
     for [k = 1:marked] keyentry with points linecolor rgb grey pointtype 6 pointsize mark_size title "not asymptotic", \
     for [k = 1:more_above] keyentry with dots linecolor rgb "white" title arrow_title
eval page_close
