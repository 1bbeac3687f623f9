# What is lost, and how fast block Glauber mixes, against the number k of masked sites.
# x: option k
# columns: inefficiency_max relaxation_time
# size: 17 8.5
#
# Of `cells`, a colour a model.  Left, all masks of k sites averaged: inefficiency_max (lines), montecarlo_inefficiency with two standard errors
# each way (marks), bound_kantorovich (dotted).  Middle, one random mask a datum: the same; dashed: relaxation_time of k-block Glauber, an upper
# bound.  Right: relaxation_sweeps, the relaxation time when every site that is drawn counts.

across = txt ? room_for(2) : 3
page_top = page_top - 0.45
averaged(i) = is_a(L(i), "masked")
C(i) = variant_colour(series_variant[i])
long_title(v) = strlen(variant[v]) ? variant[v] : "the model"
longest_variant = 27
do for [v = 1:V] { if (strlen(long_title(v)) > longest_variant) { longest_variant = strlen(long_title(v)) } }
per_row = key_columns(longest_variant)
eval page_open(V + 3)
k_beside(i) = x_of(i) + 0.06 * (series_variant[i] - 0.5 * (V + 1))
E1(i) = column("montecarlo_inefficiency")
two(i) = column("montecarlo_inefficiency_se")
filled(v) = column("asymptotic") == 1 ? v : NaN
empty(v) = column("asymptotic") == 1 ? NaN : v
mark(i) = averaged(i) ? 9 : 11

do for [side = 1:(across > 2 ? 2 : across)] {
    mine(i) = averaged(i) == (side == 1)
    eval panel(side, across, 1)
    eval panel_title(side == 1 ? "all masks averaged" : "one random mask a datum")
    eval forget
    do for [i = 1:S] { if (mine(i)) { stats series(i) using (seen(column("inefficiency_max")), seen(E1(i) - 2 * two(i)), seen(E1(i) + 2 * two(i))) nooutput } }
    low = least < 0.9 ? 0.95 * least : 0.9
    if (side == 2) { do for [i = 1:S] { if (mine(i)) { stats series(i) using (seen(column("relaxation_time"))) nooutput } } }
    eval x_axis
    set xtics 1
    eval log_axis("y", low, 1.3 * most)
    set xlabel "masked sites k"
    set ylabel side == 1 ? "inefficiency, worst direction" : ""
    plot for [i = 1:S] series(i) using (x_of(i)):(mine(i) && side == 1 ? column("bound_kantorovich") : NaN) with lines linecolor rgb C(i) linewidth 0.8 dashtype 3, \
         for [i = 1:S] series(i) using (x_of(i)):(mine(i) && side == 2 ? column("relaxation_time") : NaN) with lines linecolor rgb C(i) linewidth 0.8 dashtype 2, \
         for [i = 1:S] series(i) using (x_of(i)):(mine(i) ? column("inefficiency_max") : NaN) with lines linecolor rgb C(i) linewidth curve_width, \
         for [i = 1:S] series(i) using (k_beside(i)):(mine(i) ? bar_from(E1(i), two(i)) : NaN):(0):(bar_length(E1(i), two(i))) with vectors nohead \
            linecolor rgb C(i) linewidth bar_width, \
         for [i = 1:S] series(i) using (k_beside(i)):(mine(i) ? filled(E1(i)) : NaN) with points linecolor rgb C(i) pointtype mark(i) pointsize mark_size, \
         for [i = 1:S] series(i) using (k_beside(i)):(mine(i) ? empty(E1(i)) : NaN) with points linecolor rgb C(i) pointtype hollow(mark(i)) pointsize mark_size
}

if (across > 2) {
    eval panel(3, across, 1)
    eval panel_title("block Glauber")
    eval forget
    do for [k = 1:leads] { stats series(lead[k]) using (seen(column("relaxation_sweeps"))) nooutput }
    eval log_axis("y", 0.8 * least, 1.3 * most)
    set ylabel "relaxation time in sweeps"
    plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(averaged(lead[k]) ? column("relaxation_sweeps") : NaN) with linespoints \
        linecolor rgb C(lead[k]) linewidth curve_width pointtype 7 pointsize mark_size
}

eval page_key
plot NaN notitle, \
     for [v = 1:V] keyentry with lines linecolor rgb variant_colour(v) linewidth 4 title long_title(v), \
     for [k = 1:has_montecarlo_inefficiency] keyentry with yerrorbars linecolor rgb grey linewidth bar_width pointtype 7 pointsize mark_size title "Monte Carlo ± 2 se", \
     for [k = 1:has_bound_kantorovich] keyentry with lines linecolor rgb grey linewidth 0.8 dashtype 3 title "Kantorovich bound", \
     for [k = 1:1] keyentry with lines linecolor rgb grey linewidth 0.8 dashtype 2 title "1/gap of the blocks"
eval page_close
