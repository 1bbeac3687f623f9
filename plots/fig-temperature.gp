# Inefficiency, relaxation time in sweeps and the share of failed fits against a grid key, for every loss on sites.
# x: axis
# columns: inefficiency_max relaxation_sweeps
# size: 17 9
#
# Of `cells`: left inefficiency_max (lines), montecarlo_inefficiency with two standard errors each way (marks, open where the cell is not
# asymptotic); middle relaxation_sweeps; right the share of replicates without an estimate, replicates - used, with a band of two binomial
# standard errors.  The axis of the left panel ends where nine tenths of the values lie below it; arrows stand for the others.

across = txt ? room_for(2) : 3
page_top = page_top - 0.45
per_row = key_columns(longest_loss)
eval page_open(leads + 3)
C(i) = loss_colour(L(i))
E1(i) = column("montecarlo_inefficiency")
two(i) = column("montecarlo_inefficiency_se")

array above[61]
do for [e = 1:61] { above[e] = 0 }
exponent_of(v) = v < 10 ? 1 : v < 1e60 ? 1 + int(floor(log10(v))) : 61
counted(v) = (above[exponent_of(v)] = above[exponent_of(v)] + 1, seen(v))
eval forget
do for [k = 1:leads] { stats series(lead[k]) using (column("inefficiency_max") > 0 ? counted(column("inefficiency_max")) : 1) nooutput }
values = int(sum [e = 1:61] above[e])
e = 61
over = 0
while (e > 1 && 10 * (over + above[e]) <= values) { over = over + above[e]; e = e - 1 }
low = 0.8
high = over > 0 ? 10.0 ** e : 1.7 * most
inside(v) = v < high ? v : NaN
shown(want) = column("asymptotic") == want ? inside(E1(0)) : NaN

eval panel(1, across, 1)
eval panel_title("inefficiency, worst direction")
eval x_axis
eval log_axis("y", low, high)
set xlabel x_key
plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(inside(column("inefficiency_max"))) with lines linecolor rgb C(lead[k]) linewidth curve_width dashtype loss_dash(L(lead[k])), \
     for [i = 1:S] series(i) using (x_beside(i)):(bar_from(inside(E1(i)), two(i))):(0):(bar_length(inside(E1(i)), two(i))) with vectors nohead linecolor rgb C(i) linewidth bar_width, \
     for [i = 1:S] series(i) using (x_beside(i)):(shown(1)) with points linecolor rgb C(i) pointtype loss_mark(L(i)) pointsize 1.1 * mark_size, \
     for [i = 1:S] series(i) using (x_beside(i)):(shown(0)) with points linecolor rgb C(i) linewidth bar_width pointtype hollow(loss_mark(L(i))) pointsize 1.1 * mark_size, \
     for [k = 1:leads] series(lead[k]) using (x_beside(lead[k])):(column("inefficiency_max") >= high ? arrow_foot(low, high) : NaN):(0):(arrow_length(low, high)) \
        with vectors @arrow_head linecolor rgb C(lead[k]) linewidth bar_width

eval panel(2, across, 1)
eval panel_title("relaxation time, in sweeps")
eval forget
do for [k = 1:leads] { stats series(lead[k]) using (seen(column("relaxation_sweeps"))) nooutput }
eval log_axis("y", 0.7 * least, 1.5 * most)
plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(column("relaxation_sweeps")) with linespoints linecolor rgb C(lead[k]) linewidth curve_width \
    dashtype loss_dash(L(lead[k])) pointtype loss_mark(L(lead[k])) pointsize 0.7 * mark_size

if (across > 2) {
    eval panel(3, across, 1)
    eval panel_title("share of failed fits")
    unset logscale y
    set yrange [-0.02:1.02]
    set ytics 0.25
    unset mytics
    set format y "%g"
    lost(i) = column("replicates") > 0 ? 1 - 1.0 * column("used") / column("replicates") : NaN
    spread(p) = 2 * sqrt(p * (1 - p) / column("replicates"))
    plot for [i = 1:S] series(i) using (x_of(i)):(lost(i) - spread(lost(i))):(lost(i) + spread(lost(i))) with filledcurves linecolor rgb C(i) fillstyle transparent solid 0.12 noborder, \
         for [i = 1:S] series(i) using (x_of(i)):(lost(i)) with linespoints linecolor rgb C(i) linewidth 0.8 dashtype loss_dash(L(i)) \
            pointtype loss_mark(L(i)) pointsize 0.7 * mark_size
}

eval page_key
plot NaN notitle, \
     for [k = 1:leads] keyentry with linespoints linecolor rgb C(lead[k]) linewidth curve_width dashtype loss_dash(L(lead[k])) pointtype loss_mark(L(lead[k])) \
        pointsize mark_size title series_title(lead[k]), \
     for [k = 1:has_montecarlo_inefficiency] keyentry with yerrorbars linecolor rgb grey linewidth bar_width pointtype 7 pointsize mark_size title "Monte Carlo ± 2 se", \
     for [k = 1:has_montecarlo_inefficiency] keyentry with points linecolor rgb grey pointtype 6 pointsize mark_size title "not asymptotic", \
     for [k = 1:(over > 0)] keyentry with dots linecolor rgb "white" title arrow_title
eval page_close
