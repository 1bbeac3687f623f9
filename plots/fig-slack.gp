# Bounds over the values that they bound, against a grid key: one is sharp.
# x: axis
# columns: bound_khr norm_gamma
# size: 17 9.5
#
# Left, of `cells`: the chain of bounds on the operator norm of the covariance, over norm_gamma: bound_khr_step_inverse, _step_poincare,
# _step_split, bound_khr_restricted (all with the restricted Poincare constant), bound_khr (with the Poincare constant).
# Right: muckenhoupt_poincare_lower and muckenhoupt_poincare_upper (Muckenhoupt) over poincare; gap over cheeger_gap_upper and cheeger_gap_lower, so that on both
# sides of one stands a bound on the Poincare constant.

array step[5] = ["bound_khr_step_inverse", "bound_khr_step_poincare", "bound_khr_step_split", "bound_khr_restricted", "bound_khr"]
array step_title[5] = ["|H^{-1}|^2 |Cov ψ|", "C_{res}^2 |Γ_{MLE}| |Cov ψ|", "the same, Cov ψ split", "KHR with C_{res}", "KHR with C_P"]
array step_colour[5] = ["#56B4E9", "#009E73", "#E69F00", "#D55E00", "#000000"]
array side[4] = ["upper, Muckenhoupt", "lower, Muckenhoupt", "upper, Cheeger", "lower, test function"]
array side_colour[4] = ["#0072B2", "#56B4E9", "#CC79A7", "#7A3300"]
side_of(b) = b == 1 ? column("muckenhoupt_poincare_upper") / column("poincare") : b == 2 ? column("muckenhoupt_poincare_lower") / column("poincare") : \
    b == 3 ? column("gap") / column("cheeger_gap_lower") : column("gap") / column("cheeger_gap_upper")

# Losses that have a bound: marks tell them apart.
array bounded[leads]
count = 0
do for [k = 1:leads] {
    eval forget
    stats series(lead[k]) using (seen(column("bound_khr"))) nooutput
    if (most > 0) { count = count + 1; bounded[count] = lead[k] }
}
right = has_muckenhoupt_poincare_upper && has_poincare
across = right ? room_for(2) : 1
eval page_open((across == 2 ? 9 : 5) + (count > 1 ? count : 1))
eval forget
do for [k = 1:count] { do for [b = 1:5] { stats series(bounded[k]) using (seen(column(step[b]) / column("norm_gamma"))) nooutput } }
eval panel(1, across, 1)
eval x_axis
eval log_axis("y", least < 0.9 ? 0.7 * least : 0.7, 2 * most)
set xlabel x_label
set ylabel "bound on |Γ| over |Γ|"
plot 1 with lines linecolor rgb grey linewidth 0.6, \
     for [k = 1:count] for [b = 1:5] series(bounded[k]) using (x_of(bounded[k])):(column(step[b]) / column("norm_gamma")) with linespoints \
        linecolor rgb step_colour[b] linewidth 1.2 dashtype b pointtype loss_mark(L(bounded[k])) pointsize 0.8 * mark_size
if (across == 2) {
    eval forget
    do for [k = 1:count] { do for [b = 1:4] { stats series(bounded[k]) using (seen(side_of(b))) nooutput } }
    eval panel(2, across, 1)
    eval log_axis("y", 0.7 * least, 1.5 * most)
    set ylabel "bound on the Poincaré constant over it"
    plot 1 with lines linecolor rgb grey linewidth 0.6, \
         for [k = 1:count] for [b = 1:4] series(bounded[k]) using (x_of(bounded[k])):(side_of(b)) with linespoints \
            linecolor rgb side_colour[b] linewidth 1.2 dashtype b pointtype loss_mark(L(bounded[k])) pointsize 0.8 * mark_size
}
eval page_key
set key enhanced
plot NaN notitle, \
     for [b = 1:5] keyentry with lines linecolor rgb step_colour[b] linewidth 1.2 dashtype b title step_title[b], \
     for [b = 1:(across == 2 ? 4 : 0)] keyentry with lines linecolor rgb side_colour[b] linewidth 1.2 dashtype b title side[b], \
     for [k = 1:(count > 1 ? count : 0)] keyentry with points linecolor rgb grey pointtype loss_mark(L(bounded[k])) pointsize mark_size title series_title(bounded[k])
eval page_close
