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
plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(column("bound_khr") / column("norm_gamma_mle")) with lines \
        linecolor rgb loss_colour(L(lead[k])) linewidth 0.6 dashtype 3 notitle, \
     for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(column("inefficiency_max")) with lines \
        linecolor rgb loss_colour(L(lead[k])) linewidth curve_width dashtype series_dash(lead[k]) notitle, \
     for [i = 1:S] series(i) using (x_of(i)):(marked(1)):(2 * column("montecarlo_inefficiency_se")) with yerrorbars \
        linecolor rgb loss_colour(L(i)) linewidth bar_width pointtype loss_mark(L(i)) pointsize size_mark(series_n[i]) notitle, \
     for [i = 1:S] series(i) using (x_of(i)):(marked(0)):(2 * column("montecarlo_inefficiency_se")) with yerrorbars \
        linecolor rgb loss_colour(L(i)) linewidth bar_width pointtype hollow(loss_mark(L(i))) pointsize size_mark(series_n[i]) notitle, \
     for [k = 1:leads] keyentry with linespoints linecolor rgb loss_colour(L(lead[k])) linewidth curve_width dashtype series_dash(lead[k]) \
        pointtype loss_mark(L(lead[k])) pointsize mark_size title series_title(lead[k]), \
     for [k = 1:words(sizes)] keyentry with points linecolor rgb grey pointtype 7 pointsize size_mark(int(word(sizes, k))) \
        title sprintf("Monte Carlo ± 2 se, n = %s", word(sizes, k)), \
     for [k = 1:1] keyentry with points linecolor rgb grey pointtype 6 pointsize mark_size title "not asymptotic", \
     for [k = 1:has_bound_khr] keyentry with lines linecolor rgb grey linewidth 0.6 dashtype 3 title "KHR bound on |Γ| / |Γ_MLE|", \
     for [k = 2:across * has_poincare_upper] keyentry with boxes fillstyle solid 0.15 linecolor rgb grey title "Muckenhoupt's band", \
     for [k = 2:across * has_restricted_poincare] keyentry with lines linecolor rgb grey linewidth 0.9 dashtype 2 title "restricted Poincaré constant"

if (across == 2) {
    unset key
    eval panel(2, 2, 1)
    eval panel_title("relaxation time, 1 / gap of the generator")
    eval forget
    do for [i = 1:S] { stats series(i) using (seen(column("relaxation_time")), seen(column("restricted_poincare")), seen(column("poincare_upper"))) nooutput }
    eval log_axis("y", 0.7 * least, 1.5 * most)
    set ylabel "relaxation time, in units of the process"
    plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(column("poincare_lower")):(column("poincare_upper")) with filledcurves \
            linecolor rgb loss_colour(L(lead[k])) fillstyle transparent solid 0.15 noborder notitle, \
         for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(column("restricted_poincare")) with lines \
            linecolor rgb loss_colour(L(lead[k])) linewidth 0.9 dashtype 2 notitle, \
         for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(column("relaxation_time")) with linespoints \
            linecolor rgb loss_colour(L(lead[k])) linewidth curve_width dashtype series_dash(lead[k]) pointtype loss_mark(L(lead[k])) pointsize 0.6 * mark_size notitle
}
eval page_close
