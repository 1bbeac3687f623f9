# Inefficiency and relaxation time against a grid key, for every loss.
# x: axis
# columns: inefficiency_max montecarlo_inefficiency
# size: 17 9
#
# Left, of `cells`: inefficiency_max (curves), montecarlo_inefficiency with two standard errors each way (marks; open where the cell is not
# asymptotic; larger marks for larger n), bound_khr / norm_gamma_mle (thin, as far as the axis goes).
# Right: relaxation_time (curves), from poincare_lower to poincare_upper (Muckenhoupt's band), restricted_poincare (thin).

across = !txt && has_relaxation_time ? 2 : 1
eval page_open(leads + words(sizes) + 1 + has_bound_khr + (across == 2) * (has_poincare_upper + has_restricted_poincare))

# The range: that of the values, and the beginning of the bound if it is near.
eval forget
do for [i = 1:S] { stats series(i) using (seen(column("inefficiency_max")), seen(column("montecarlo_inefficiency"))) nooutput }
low = least < 0.8 ? 0.8 * least : 0.8
high = 1.5 * most
if (has_bound_khr) {
    eval forget
    do for [i = 1:S] { stats series(i) using (seen(column("bound_khr") / column("norm_gamma_mle"))) nooutput }
    if (least < 100 * high && 3 * least > high) { high = 3 * least }
}

eval panel(1, across, 1)
eval panel_title("inefficiency in the worst direction, against maximum likelihood")
eval x_axis
eval log_axis("y", low, high)
eval key_here
set xlabel x_label
set ylabel txt ? "" : "n Cov(θ-hat) / Γ_{MLE}"
marked(want) = column("asymptotic") == want ? column("montecarlo_inefficiency") : NaN
plot for [i = 1:S] series(i) using (x_of(i)):(series_lead[i] ? column("bound_khr") / column("norm_gamma_mle") : NaN) with lines \
        linecolor rgb loss_colour(L(i)) linewidth 0.6 dashtype 3 notitle, \
     for [i = 1:S] series(i) using (x_of(i)):(series_lead[i] ? column("inefficiency_max") : NaN) with lines \
        linecolor rgb loss_colour(L(i)) linewidth curve_width dashtype series_dash(i) notitle, \
     for [i = 1:S] series(i) using (x_of(i)):(marked(1)):(2 * column("montecarlo_inefficiency_se")) with yerrorbars \
        linecolor rgb loss_colour(L(i)) linewidth bar_width pointtype loss_mark(L(i)) pointsize size_mark(series_n[i]) notitle, \
     for [i = 1:S] series(i) using (x_of(i)):(marked(0)):(2 * column("montecarlo_inefficiency_se")) with yerrorbars \
        linecolor rgb loss_colour(L(i)) linewidth bar_width pointtype hollow(loss_mark(L(i))) pointsize size_mark(series_n[i]) notitle, \
     for [i = 1:S] series_lead[i] ? 1 : 0 keyentry with linespoints title "x"
