# Bounds over the values that they bound, against a grid key: one is sharp.
# x: axis
# columns: bound_khr norm_gamma
# size: 17 10
#
# Left, of `cells`: the chain of bounds on the operator norm of the covariance, over norm_gamma: bound_khr_step_inverse, _step_poincare,
# _step_split, bound_khr_restricted (all with the restricted Poincare constant), bound_khr (with the Poincare constant).
# Right: muckenhoupt_poincare_lower and muckenhoupt_poincare_upper (Muckenhoupt) over poincare; gap over cheeger_gap_upper and cheeger_gap_lower,
# so that on both sides of one stands a bound on the Poincare constant.  Colour and dash are those of the loss, marks those of the bound.

array step[5] = ["bound_khr_step_inverse", "bound_khr_step_poincare", "bound_khr_step_split", "bound_khr_restricted", "bound_khr"]
array step_title[5] = ["|H^{-1}|^2 |Cov ψ|", "C_{res}^2 |Γ_{MLE}| |Cov ψ|", "the same, Cov ψ split", "KHR with C_{res}", "KHR with C_P"]
array step_mark[5] = [7, 9, 11, 13, 4]
array side_title[4] = ["upper, Muckenhoupt", "lower, Muckenhoupt", "upper, Cheeger", "lower, test function"]
array side_mark[4] = [5, 15, 8, 6]
side_of(b) = b == 1 ? column("muckenhoupt_poincare_upper") / column("poincare") : b == 2 ? column("muckenhoupt_poincare_lower") / column("poincare") : \
    b == 3 ? column("gap") / column("cheeger_gap_lower") : column("gap") / column("cheeger_gap_upper")

# Losses that have a bound.
array bounded[leads]
count = 0
do for [k = 1:leads] {
    eval forget
    stats series(lead[k]) using (seen(column("bound_khr"))) nooutput
    if (most > 0) { count = count + 1; bounded[count] = lead[k] }
}
right = has_muckenhoupt_poincare_upper && has_poincare
across = right ? room_for(2) : 1
# KHR's two bounds and the two lower ones often coincide: the open mark stands around the filled one.
size_of(mark) = (mark % 2 ? 0.9 : 1.6) * mark_size
eval page_open(count + (across == 2 ? 9 : 5))
eval forget
do for [k = 1:count] { do for [b = 1:5] { stats series(bounded[k]) using (seen(column(step[b]) / column("norm_gamma"))) nooutput } }
eval panel(1, across, 1)
eval x_axis
eval log_axis("y", least < 0.9 ? 0.7 * least : 0.7, 2 * most)
set xlabel x_label noenhanced
set ylabel "bound on |Γ| over |Γ|"
plot 1 with lines linecolor rgb grey linewidth 0.6, \
     for [k = 1:count] for [b = 1:5] series(bounded[k]) using (x_of(bounded[k])):(column(step[b]) / column("norm_gamma")) with linespoints \
        linecolor rgb loss_colour(L(bounded[k])) linewidth 0.9 dashtype series_dash(bounded[k]) pointtype step_mark[b] pointsize size_of(step_mark[b])
if (across == 2) {
    eval forget
    do for [k = 1:count] { do for [b = 1:4] { stats series(bounded[k]) using (seen(side_of(b))) nooutput } }
    eval panel(2, across, 1)
    eval log_axis("y", 0.7 * least, 1.5 * most)
    set ylabel "bound on the Poincaré constant over it"
    plot 1 with lines linecolor rgb grey linewidth 0.6, \
         for [k = 1:count] for [b = 1:4] series(bounded[k]) using (x_of(bounded[k])):(side_of(b)) with linespoints \
            linecolor rgb loss_colour(L(bounded[k])) linewidth 0.9 dashtype series_dash(bounded[k]) pointtype side_mark[b] pointsize size_of(side_mark[b])
}
eval page_key
plot NaN notitle, \
     for [k = 1:count] keyentry with lines linecolor rgb loss_colour(L(bounded[k])) linewidth 0.9 dashtype series_dash(bounded[k]) title series_title(bounded[k]), \
     for [b = 1:5] keyentry with points linecolor rgb grey pointtype step_mark[b] pointsize size_of(step_mark[b]) title step_title[b] enhanced, \
     for [b = 1:(across == 2 ? 4 : 0)] keyentry with points linecolor rgb grey pointtype side_mark[b] pointsize size_of(side_mark[b]) title side_title[b]
eval page_close
