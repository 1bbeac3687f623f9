# How the Monte Carlo variance approaches its asymptotic value, the error itself, and what the intervals are worth, against the sample size.
# x: n
# columns: montecarlo_inefficiency
# size: 17 8.5
#
# Of `cells`, against n, marks filled where the cell is asymptotic and open where it is not, two standard errors each way:
# left: montecarlo_inefficiency; inefficiency_max (lines);
# middle: root of montecarlo_norm / n, the error of theta-hat in its worst direction; root of norm_gamma / n (lines, the root-n law);
# arrows where it lies above the axis; right: coverage, the least share of 95 % sandwich intervals that hold their parameter; grey: 95 %.

across = txt ? room_for(2) : 3
eval page_open(S + 4)
# Colour is the loss; the variants of one loss are told apart by mark and dash.
mark_of(i) = V > 1 ? 5 + 2 * ((series_variant[i] - 1) % 6) : loss_mark(L(i))
# Curves of one grid value stand a little beside each other.
n_of(i) = column("n") * x_step ** (0.25 * ((series_loss[i] - 0.5) / losses - 0.5))
E1(i) = column("montecarlo_inefficiency")
two(i) = column("montecarlo_inefficiency_se")
filled(v) = column("asymptotic") == 1 ? v : NaN
empty(v) = column("asymptotic") == 1 ? NaN : v

eval forget
do for [i = 1:S] { stats series(i) using (seen(column("inefficiency_max"))) nooutput }
curves = most
do for [i = 1:S] { stats series(i) using (seen(column("montecarlo_inefficiency"))) nooutput }
low = least < 0.7 ? 0.8 * least : 0.7
high = curves > 0 && most > 1e4 * curves ? 1e4 * curves : 1.5 * most
reached(i) = E1(i) < high ? E1(i) : NaN
beyond(i) = E1(i) >= high ? arrow_foot(low, high) : NaN
eval panel(1, across, 1)
eval x_axis
eval log_axis("y", low, high)
set xlabel "sample size n"
set ylabel "n Cov against Γ_{MLE}, worst direction"
plot for [i = 1:S] series(i) using (column("n")):(column("inefficiency_max")) with lines linecolor rgb loss_colour(L(i)) linewidth 0.9 dashtype series_dash(i), \
     for [i = 1:S] series(i) using (n_of(i)):(bar_from(reached(i), two(i))):(0):(bar_length(reached(i), two(i))) with vectors nohead \
        linecolor rgb loss_colour(L(i)) linewidth bar_width, \
     for [i = 1:S] series(i) using (n_of(i)):(filled(reached(i))) with points linecolor rgb loss_colour(L(i)) pointtype mark_of(i) pointsize mark_size, \
     for [i = 1:S] series(i) using (n_of(i)):(empty(reached(i))) with points linecolor rgb loss_colour(L(i)) pointtype hollow(mark_of(i)) pointsize mark_size, \
     for [i = 1:S] series(i) using (n_of(i)):(beyond(i)):(0):(arrow_length(low, high)) \
        with vectors @arrow_head linecolor rgb loss_colour(L(i)) linewidth bar_width
more_above = most >= high

if (across >= 3) {
    eval panel(2, across, 1)
    eval forget
    law(i) = sqrt(column("norm_gamma") / column("n"))
    error(i) = sqrt(column("montecarlo_norm") / column("n"))
    in_sight(i) = error(i) < high ? error(i) : NaN
    do for [i = 1:S] { stats series(i) using (seen(law(i))) nooutput }
    curves = most
    do for [i = 1:S] { stats series(i) using (seen(error(i))) nooutput }
    low = 0.7 * least
    high = curves > 0 && most > 100 * curves ? 100 * curves : 1.4 * most
    eval log_axis("y", low, high)
    set ylabel "error of θ-hat, worst direction"
    plot for [i = 1:S] series(i) using (column("n")):(law(i)) with lines linecolor rgb loss_colour(L(i)) linewidth 0.9 dashtype series_dash(i), \
         for [i = 1:S] series(i) using (n_of(i)):(filled(in_sight(i))) with points linecolor rgb loss_colour(L(i)) pointtype mark_of(i) pointsize mark_size, \
         for [i = 1:S] series(i) using (n_of(i)):(empty(in_sight(i))) with points linecolor rgb loss_colour(L(i)) pointtype hollow(mark_of(i)) pointsize mark_size, \
         for [i = 1:S] series(i) using (n_of(i)):(error(i) >= high ? arrow_foot(low, high) : NaN):(0):(arrow_length(low, high)) \
            with vectors @arrow_head linecolor rgb loss_colour(L(i)) linewidth bar_width
    more_above = more_above || most >= high
}

if (across >= 2) {
    eval panel(across, across, 1)
    unset logscale y
    eval forget
    do for [i = 1:S] { stats series(i) using (seen(column("coverage"))) nooutput }
    low = (least < 0.93 ? least : 0.93) - 0.03
    set yrange [low:1.005]
    set ytics auto
    unset mytics
    set format y "%g"
    set ylabel "least coverage of 95 % intervals"
    cover(i) = column("coverage")
    cover_error(i) = column("coverage_se")
    plot 0.95 with lines linecolor rgb grey linewidth 0.9, \
         for [i = 1:S] series(i) using (n_of(i)):(cover(i)) with lines linecolor rgb loss_colour(L(i)) linewidth 0.4 dashtype series_dash(i), \
         for [i = 1:S] series(i) using (n_of(i)):(bar_from(cover(i), cover_error(i))):(0):(bar_length(cover(i), cover_error(i))) with vectors nohead \
            linecolor rgb loss_colour(L(i)) linewidth bar_width, \
         for [i = 1:S] series(i) using (n_of(i)):(filled(cover(i))) with points linecolor rgb loss_colour(L(i)) pointtype mark_of(i) pointsize mark_size, \
         for [i = 1:S] series(i) using (n_of(i)):(empty(cover(i))) with points linecolor rgb loss_colour(L(i)) pointtype hollow(mark_of(i)) pointsize mark_size
}

eval page_key
plot NaN notitle, \
     for [i = 1:S] keyentry with linespoints linecolor rgb loss_colour(L(i)) linewidth 0.9 dashtype series_dash(i) pointtype mark_of(i) pointsize mark_size \
        title series_title(i), \
     for [k = 1:1] keyentry with lines linecolor rgb grey linewidth 0.9 title "asymptotic (left, middle)", \
     for [k = 1:1] keyentry with yerrorbars linecolor rgb grey linewidth bar_width pointtype 7 pointsize mark_size title "Monte Carlo ± 2 se", \
     for [k = 1:1] keyentry with points linecolor rgb grey pointtype 6 pointsize mark_size title "not asymptotic", \
     for [k = 1:more_above] keyentry with dots linecolor rgb "white" title arrow_title
eval page_close
