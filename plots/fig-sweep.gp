# Inefficiency and relaxation time against a grid key, for every loss.
# x: axis
# columns: inefficiency_max montecarlo_inefficiency
# size: 17 9
#
# Left, of `cells`: inefficiency_max (curves), montecarlo_inefficiency with two standard errors each way (marks; open where the cell is not
# asymptotic; larger marks for larger n), bound_khr / norm_gamma_mle (thin, as far as the axis goes).
# Right: relaxation_time (curves), from poincare_lower to poincare_upper (band of Muckenhoupt), restricted_poincare (thin).

across = !txt && has_relaxation_time ? 2 : 1
eval begin(leads + words(sizes) + has_bound_khr + (across == 2) * (has_poincare_upper + has_restricted_poincare))

# the range: values, and the beginning of the bound if it is near
eval forget
do for [i = 1:S] { stats series(i) using (seen(column("inefficiency_max")), seen(column("montecarlo_inefficiency"))) nooutput }
low = least < 0.8 ? 0.8 * least : 0.8
high = 1.6 * most
if (has_bound_khr) {
    eval forget
    do for [i = 1:S] { stats series(i) using (seen(column("bound_khr") / column("norm_gamma_mle"))) nooutput }
    if (least < 100 * high && 3 * least > high) { high = 3 * least }
}

eval panel(1, across, 1, "")
eval x_axis
eval y_axis(low, high)
eval key_here
set xlabel x_label
set ylabel txt ? "" : "inefficiency, n Cov / Γ_{MLE} in the worst direction"
marked(i, want) = column("asymptotic") == want ? column("montecarlo_inefficiency") : NaN
plot for [i = 1:S] series(i) using (x_of(i)):(column("bound_khr") / column("norm_gamma_mle")) with lines \
        linecolor rgb loss_colour(L(i)) linewidth 0.7 dashtype 4 notitle, \
     for [i = 1:S] series_lead[i] ? series(i) : NaN using (x_of(i)):(column("inefficiency_max")) with lines \
        linecolor rgb loss_colour(L(i)) linewidth curve_width dashtype loss_dash(L(i)) notitle, \
     for [i = 1:S] series(i) using (x_of(i)):(marked(i, 1)):(2 * column("montecarlo_inefficiency_se")) with yerrorbars \
        linecolor rgb loss_colour(L(i)) linewidth bar_width pointtype loss_mark(L(i)) pointsize size_mark(series_n[i]) notitle, \
     for [i = 1:S] series(i) using (x_of(i)):(marked(i, 0)):(2 * column("montecarlo_inefficiency_se")) with yerrorbars \
        linecolor rgb loss_colour(L(i)) linewidth bar_width pointtype hollow(loss_mark(L(i))) pointsize size_mark(series_n[i]) notitle, \
     for [i = 1:S] keyentry with linespoints linecolor rgb loss_colour(L(i)) linewidth curve_width dashtype loss_dash(L(i)) \
        pointtype loss_mark(L(i)) pointsize mark_size title series_lead[i] ? series_title(i) : ""
