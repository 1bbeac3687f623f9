# Inefficiency and relaxation time against a grid key, for every loss.
# x: axis
# columns: inefficiency_max montecarlo_inefficiency
# size: 17 9
#
# Left, of `cells`: inefficiency_max (curves), montecarlo_inefficiency with two standard errors each way (marks; open where the cell is not
# asymptotic, arrows where it lies above the axis; larger marks for larger n), bound_khr / norm_gamma_mle (thin, as far as the axis goes).
# Right: relaxation_time (curves), from muckenhoupt_poincare_lower to muckenhoupt_poincare_upper (Muckenhoupt's band), restricted_poincare (thin,
# open marks).

across = has_relaxation_time ? room_for(2) : 1
# The range: that of the values, some of what is not asymptotic, and the beginning of the bound if it is near.
eval forget
do for [i = 1:S] { stats series(i) using (seen(column("inefficiency_max"))) nooutput }
curves = most
do for [i = 1:S] { stats series(i) using (seen(column("montecarlo_inefficiency"))) nooutput }
low = least < 0.8 ? 0.8 * least : 0.8
high = curves > 0 && most > 20 * curves ? 30 * curves : 1.5 * most
bound_seen = 0
if (has_bound_khr) {
    eval forget
    do for [i = 1:S] { stats series(i) using (seen(column("bound_khr") / column("norm_gamma_mle"))) nooutput }
    if (least < 100 * high && 3 * least > high) { high = 3 * least }
    bound_seen = least < high
}
eval forget
do for [i = 1:S] { stats series(i) using (seen(column("montecarlo_inefficiency"))) nooutput }
more_above = most >= high
eval page_open(leads + words(sizes) + 5)

drawn(i) = column("montecarlo_inefficiency") < high ? column("montecarlo_inefficiency") : NaN
shown(want) = column("asymptotic") == want ? drawn(0) : NaN
beyond(i) = column("montecarlo_inefficiency") >= high ? arrow_foot(low, high) : NaN
error_of(i) = column("montecarlo_inefficiency_se")
eval panel(1, across, 1)
eval x_axis
eval log_axis("y", low, high)
set xlabel x_label noenhanced
set ylabel "inefficiency, worst direction"
plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(column("bound_khr") / column("norm_gamma_mle")) with lines \
        linecolor rgb loss_colour(L(lead[k])) linewidth 0.6 dashtype 3, \
     for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(column("inefficiency_max")) with lines \
        linecolor rgb loss_colour(L(lead[k])) linewidth curve_width dashtype series_dash(lead[k]), \
     for [i = 1:S] series(i) using (x_beside(i)):(bar_from(drawn(i), error_of(i))):(0):(bar_length(drawn(i), error_of(i))) with vectors nohead \
        linecolor rgb loss_colour(L(i)) linewidth bar_width, \
     for [i = 1:S] series(i) using (x_beside(i)):(shown(1)) with points \
        linecolor rgb loss_colour(L(i)) linewidth bar_width pointtype loss_mark(L(i)) pointsize size_mark(series_n[i]), \
     for [i = 1:S] series(i) using (x_beside(i)):(shown(0)) with points \
        linecolor rgb loss_colour(L(i)) linewidth bar_width pointtype hollow(loss_mark(L(i))) pointsize size_mark(series_n[i]), \
     for [i = 1:S] series(i) using (x_beside(i)):(beyond(i)):(0):(arrow_length(low, high)) \
        with vectors @arrow_head linecolor rgb loss_colour(L(i)) linewidth bar_width

if (across == 2) {
    eval panel(2, 2, 1)
    eval forget
    do for [i = 1:S] { stats series(i) using (seen(column("relaxation_time")), seen(column("restricted_poincare")), seen(column("muckenhoupt_poincare_lower")), seen(column("muckenhoupt_poincare_upper"))) nooutput }
    eval log_axis("y", 0.7 * least, 1.5 * most)
    set ylabel "relaxation time 1/gap, own time"
    plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(column("muckenhoupt_poincare_lower")):(column("muckenhoupt_poincare_upper")) with filledcurves \
            linecolor rgb loss_colour(L(lead[k])) fillstyle transparent solid 0.15 noborder, \
         for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(column("relaxation_time")) with linespoints linecolor rgb loss_colour(L(lead[k])) \
            linewidth curve_width dashtype series_dash(lead[k]) pointtype loss_mark(L(lead[k])) pointsize 0.6 * mark_size, \
         for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(column("restricted_poincare")) with linespoints linecolor rgb loss_colour(L(lead[k])) \
            linewidth 0.7 dashtype series_dash(lead[k]) pointtype hollow(loss_mark(L(lead[k]))) pointsize 1.3 * mark_size
}

eval page_key
plot NaN notitle, \
     for [k = 1:leads] keyentry with linespoints linecolor rgb loss_colour(L(lead[k])) linewidth curve_width dashtype series_dash(lead[k]) \
        pointtype loss_mark(L(lead[k])) pointsize mark_size title series_title(lead[k]), \
     for [k = 1:words(sizes)] keyentry with points linecolor rgb grey pointtype 7 pointsize size_mark(int(word(sizes, k))) \
        title sprintf("Monte Carlo ± 2 se, n = %s", word(sizes, k)), \
     for [k = 1:1] keyentry with points linecolor rgb grey pointtype 6 pointsize mark_size title "not asymptotic", \
     for [k = 1:more_above] keyentry with dots linecolor rgb "white" title arrow_title, \
     for [k = 1:bound_seen] keyentry with lines linecolor rgb grey linewidth 0.6 dashtype 3 title txt ? "KHR bound on |Γ| / |Γ_MLE|" : "KHR bound on |Γ| / |Γ_{MLE}|" enhanced, \
     for [k = 2:across * has_muckenhoupt_poincare_upper] keyentry with boxes fillstyle solid 0.15 linecolor rgb grey title "Muckenhoupt's band", \
     for [k = 2:across * has_restricted_poincare] keyentry with linespoints linecolor rgb grey linewidth 0.7 pointtype 6 pointsize 1.3 * mark_size \
        title "restricted Poincaré constant"
eval page_close
