# Inefficiency of the coupling and of the field apart, and the relaxation time, through a phase transition.
# x: axis
# columns: inefficiency_max
# arrays: gamma gamma_mle
# also: gamma_montecarlo gamma_montecarlo_se
# parameters: 2
# size: 17 8.5
#
# `gamma` over `gamma_mle`, diagonal entries: left of the first parameter (beta), middle of the second (h), with `gamma_montecarlo` over
# `gamma_mle` and two of its standard errors each way (open marks where the cell is not asymptotic); right: relaxation_sweeps.  A colour a
# size of the model; likelihood itself is not drawn.  The grey line is the critical beta of the infinite graph.

across = has_relaxation_sweeps ? room_for(3) : room_for(2)
page_top = page_top - 0.45
C(i) = variant_colour(series_variant[i])
drawn(i) = !is_a(L(i), "mle")
names = ""
parameters = ""
stats series(1) using (parameters = strcol("parameters"), 1) nooutput
names = parameters[strstrt(parameters, "free=") + 5:]
name_of(j) = names eq "tied" ? (j == 0 ? "coupling beta" : "field h") : j == 0 ? names[1:strstrt(names, "/") - 1] : names[strstrt(names, "/") + 1:]
has(text) = strstrt(parameters, text) > 0
critical = x_key ne "beta" ? 0 : has("graph=curie-weiss") ? 1 : has("graph=lattice") ? log(1 + sqrt(2)) / 2 : has("graph=regular,") && has("degree=3,") ? log(3) / 2 : 0

# Diagonals as G[2 (record + records (file - 1)) + parameter + 1]; M of likelihood, H and E of Monte Carlo.
array G[2 * records * files]
array M[2 * records * files]
array H[2 * records * files]
array E[2 * records * files]
do for [k = 1:|G|] { G[k] = NaN; M[k] = NaN; H[k] = NaN; E[k] = NaN }
entry(f) = 2 * (int(column("record")) + records * (f - 1)) + int(column("index1")) + 1
diagonal(k) = column("index1") == column("index2") && column("index1") < 2
do for [f = 1:files] {
    stats array_file(f, "gamma") using (diagonal(0) ? G[entry(f)] = column("value") : 0, 1) nooutput
    stats array_file(f, "gamma_mle") using (diagonal(0) ? M[entry(f)] = column("value") : 0, 1) nooutput
    if (has_gamma_montecarlo) {
        stats array_file(f, "gamma_montecarlo") using (diagonal(0) ? H[entry(f)] = column("value") : 0, 1) nooutput
        stats array_file(f, "gamma_montecarlo_se") using (diagonal(0) ? E[entry(f)] = column("value") : 0, 1) nooutput
    }
}
place(i, j) = 2 * (int(column("record")) + records * (series_file[i] - 1)) + j + 1
ratio(i, j) = drawn(i) ? G[place(i, j)] / M[place(i, j)] : NaN
sampled(i, j) = drawn(i) ? H[place(i, j)] / M[place(i, j)] : NaN
error_of(i, j) = E[place(i, j)] / M[place(i, j)]
filled(v) = column("asymptotic") == 1 ? v : NaN
empty(v) = column("asymptotic") == 1 ? NaN : v
curves = int(sum [k = 1:leads] drawn(lead[k]))
title_of(i) = strlen(variant[series_variant[i]]) ? variant[series_variant[i]] : loss_title(L(i))
longest_title = 29
do for [k = 1:leads] { if (strlen(title_of(lead[k])) > longest_title) { longest_title = strlen(title_of(lead[k])) } }
per_row = key_columns(longest_title)
more_above = 0
eval page_open(curves + 3 + 1)

do for [side = 1:(across > 1 ? 2 : 1)] {
    j = side - 1
    eval panel(side, across, 1)
    eval panel_title(name_of(j))
    eval forget
    do for [i = 1:S] { stats series(i) using (seen(ratio(i, j))) nooutput }
    top = most
    do for [i = 1:S] { stats series(i) using (seen(sampled(i, j) - 2 * error_of(i, j)), seen(sampled(i, j) + 2 * error_of(i, j))) nooutput }
    low = least > 0 && least < 0.8 ? 0.9 * least : 0.8
    high = 1.5 * (most > 10 * top ? 10 * top : most)
    reached(v) = v < high ? v : NaN
    eval x_axis
    eval log_axis("y", low, high)
    unset arrow 7
    if (critical > x_low && critical < x_high) { set arrow 7 from critical, graph 0 to critical, graph 1 nohead linecolor rgb grey linewidth 0.8 dashtype 2 back }
    set xlabel x_key
    set ylabel side == 1 ? "Γ / Γ_{MLE} of one parameter" : ""
    plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(ratio(lead[k], j)) with lines linecolor rgb C(lead[k]) linewidth curve_width, \
         for [i = 1:S] series(i) using (x_of(i)):(bar_from(reached(sampled(i, j)), error_of(i, j))):(0):(bar_length(reached(sampled(i, j)), error_of(i, j))) \
            with vectors nohead linecolor rgb C(i) linewidth bar_width, \
         for [i = 1:S] series(i) using (x_of(i)):(filled(reached(sampled(i, j)))) with points linecolor rgb C(i) pointtype 5 pointsize mark_size, \
         for [i = 1:S] series(i) using (x_of(i)):(empty(reached(sampled(i, j)))) with points linecolor rgb C(i) pointtype 4 pointsize mark_size, \
         for [i = 1:S] series(i) using (x_of(i)):(sampled(i, j) >= high ? arrow_foot(low, high) : NaN):(0):(arrow_length(low, high)) \
            with vectors @arrow_head linecolor rgb C(i) linewidth bar_width
    do for [i = 1:S] { stats series(i) using (more_above = more_above || sampled(i, j) >= high, 1) nooutput }
}

if (has_relaxation_sweeps && across == 3) {
    eval panel(3, across, 1)
    eval panel_title("dynamics of the loss")
    eval forget
    do for [k = 1:leads] { if (drawn(lead[k])) { stats series(lead[k]) using (seen(column("relaxation_sweeps"))) nooutput } }
    eval log_axis("y", 0.7 * least, 1.5 * most)
    set ylabel "relaxation time in sweeps"
    plot for [k = 1:leads] series(lead[k]) using (x_of(lead[k])):(drawn(lead[k]) ? column("relaxation_sweeps") : NaN) with linespoints \
        linecolor rgb C(lead[k]) linewidth curve_width pointtype 7 pointsize 0.7 * mark_size
}

eval page_key
plot NaN notitle, \
     for [k = 1:leads] for [l = 1:drawn(lead[k])] keyentry with lines linecolor rgb C(lead[k]) linewidth 4 title title_of(lead[k]), \
     for [k = 1:has_gamma_montecarlo] keyentry with yerrorbars linecolor rgb grey linewidth bar_width pointtype 5 pointsize mark_size title "Monte Carlo ± 2 se", \
     for [k = 1:has_gamma_montecarlo] keyentry with points linecolor rgb grey pointtype 4 pointsize mark_size title "not asymptotic", \
     for [k = 1:more_above] keyentry with dots linecolor rgb "white" title arrow_title, \
     for [k = 1:(critical > 0)] keyentry with lines linecolor rgb grey linewidth 0.8 dashtype 2 title "critical, infinite graph"
eval page_close
