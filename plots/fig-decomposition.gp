# Poincare constants of mixtures against a grid key, beside bounds by decomposition.
# x: axis
# columns: poincare mixture_poincare_upper
# size: 17 8.5
#
# Of `cells`: left poincare (line), mixture_poincare_upper, scales_poincare_upper and level_poincare_lower (marks); middle and right these bounds over
# poincare, all and near one.  Colours are those of the dynamics, marks those of the bound.

array bound[3] = ["mixture_poincare_upper", "scales_poincare_upper", "level_poincare_lower"]
array there[3] = [has_mixture_poincare_upper, has_scales_poincare_upper, has_level_poincare_lower]
array bound_title[3] = ["upper, decomposition (QR Theorem 5)", "upper, from the scales (QR Theorem 12)", "lower, noise level alone"]
array bound_mark[3] = [9, 5, 10]
slack(b) = column(bound[b]) / column("poincare")
shift(i, b) = x_shifted(i, beside(series_loss[i], losses, 0.4))
across = room_for(3)
C(l) = is_a(l, "lifted") ? (option(l, "design") eq "tapered" ? "#009E73" : "#D55E00") : loss_colour(l)
per_row = key_columns(40)
page_top = page_top - 0.45
dynamics(l) = is_a(l, "lifted") ? (option(l, "design") eq "tapered" ? "tempered Langevin, tapered" : "tempered Langevin") : is_a(l, "score-matching") ? "Langevin" : loss_title(l)
eval page_open(leads + 3)
do for [side = 1:(across < 3 ? 1 : 3)] {
    eval panel(side, across, 1)
    eval panel_title(side == 1 ? "Poincaré constant and bounds" : side == 2 ? "bound over the constant" : "the same, near one")
    eval forget
    do for [k = 1:leads] { do for [b = 1:3] { if (there[b]) { stats series(lead[k]) using (seen(side == 1 ? column(bound[b]) : slack(b))) nooutput } } }
    do for [k = 1:leads] { stats series(lead[k]) using (seen(side == 1 ? column("poincare") : 1)) nooutput }
    # Bounds that leave the page are not what it is about.
    top = side == 1 ? 1e12 : 1e6
    eval x_axis
    eval log_axis("y", 0.6 * least, most < top ? 2 * most : top)
    if (side == 3) { unset logscale y; set format y "%g"; set ytics 0.1; set yrange [0.95:1.45] }
    set xlabel side == 2 || across < 3 ? x_label : x_key
    set ylabel ""
    plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(side == 1 ? column("poincare") : 1) with lines \
            linecolor rgb (side == 1 ? C(L(lead[k])) : grey) linewidth (side == 1 ? curve_width : 0.6), \
         for [k = 1:leads] for [b = 1:3] series(lead[k]) using (shift(lead[k], b)):(there[b] ? (side == 1 ? column(bound[b]) : slack(b)) : NaN) with points \
            linecolor rgb C(L(lead[k])) pointtype bound_mark[b] pointsize (bound_mark[b] % 2 ? 1.1 : 1.7) * mark_size
}
eval page_key
plot NaN notitle, \
     for [k = 1:leads] keyentry with lines linecolor rgb C(L(lead[k])) linewidth curve_width title dynamics(L(lead[k])), \
     for [b = 1:3] keyentry with points linecolor rgb grey pointtype bound_mark[b] pointsize (bound_mark[b] % 2 ? 1.1 : 1.7) * mark_size title bound_title[b]
eval page_close
