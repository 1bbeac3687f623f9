# One-sigma ellipses of sqrt(n) (theta-hat - theta) for cells with two free parameters, a panel a cell.
# x: n
# arrays: gamma gamma_mle
# also: gamma_montecarlo
# parameters: 2
# size: 17 11
#
# Ellipses of `gamma` (line, colour of the loss) and of `gamma_montecarlo` at the largest sample size (dashed, dotted where the cell is not
# asymptotic; left out where it does not fit the panel).  Of more than six cells six are drawn, from the first to the last.

panels = V > 6 ? 6 : V
across = panels < 3 ? panels : txt ? room_for(2) : 3
if (txt && panels > across) { panels = across }
down = (panels + across - 1) / across
page_top = page_top - 0.45
row_gutter = row_gutter + 0.1
picked(k) = panels < 2 ? 1 : 1 + int((V - 1.0) * (k - 1) / (panels - 1) + 0.5)
per_row = key_columns(longest_loss > 31 ? longest_loss : 31)
eval page_open(losses + 2)

# Matrices as G[4 (record + records (file - 1)) + 2 row + column + 1], gamma_montecarlo in H.
array G[4 * records * files]
array H[4 * records * files]
do for [k = 1:|G|] { G[k] = NaN; H[k] = NaN }
entry(f) = 4 * (int(column("record")) + records * (f - 1)) + 2 * int(column("index1")) + int(column("index2")) + 1
do for [f = 1:files] {
    stats array_file(f, "gamma") using (column("index1") < 2 && column("index2") < 2 ? G[entry(f)] = column("value") : 0, 1) nooutput
    if (has_gamma_montecarlo) {
        stats array_file(f, "gamma_montecarlo") using (column("index1") < 2 && column("index2") < 2 ? H[entry(f)] = column("value") : 0, 1) nooutput
    }
}
array base[S]
array sure[S]
array names[S]
same = 1
do for [i = 1:S] {
    stats series(i) using (last = int(column("record")), sure[i] = column("asymptotic"), name = strcol("parameters"), 1) nooutput
    base[i] = 4 * (last + records * (series_file[i] - 1))
    names[i] = name[strstrt(name, "free=") + 5:]
    same = same && names[i] eq names[1]
}
# The names of the axes, where all panels share them.
slash = strstrt(names[1], "/")
name_1 = same ? names[1][1:slash - 1] : "the first parameter"
name_2 = same ? names[1][slash + 1:] : "the second"
# The ellipse of [a b; b c]: (sqrt(a) cos t, b/sqrt(a) cos t + sqrt(c - b^2/a) sin t).
across_x(a, t) = sqrt(a) * cos(t)
across_y(a, b, c, t) = b / sqrt(a) * cos(t) + sqrt(c - b * b / a) * sin(t)
# 1, 2, 4 or 5 times a power of ten, not below the step; and the centimetres that labels take at such steps.
power_of(step) = 10.0 ** floor(log10(step) + 1e-9)
nice(step) = power_of(step) * (step > 5.001 * power_of(step) ? 10 : step > 4.001 * power_of(step) ? 5 : step > 2.001 * power_of(step) ? 4 : step > 1.001 * power_of(step) ? 2 : 1)
labels(step) = (2 * floor(wide / step) + 1) * (letter * strlen(sprintf("%g", -step * floor(wide / step))) + 0.15)
set parametric
set trange [0:2 * pi]
set samples 200
set xtics 1
unset logscale
set format "%g"
set grid xtics ytics
here(i, v) = series_variant[i] == v
in_panel(i, v, a, c, want) = here(i, v) && sure[i] == want && a < wide ** 2 && c < high ** 2 ? 1 : NaN
do for [k = 1:panels] {
    v = picked(k)
    eval panel(k, across, down)
    eval panel_title(V > 1 ? variant[v] : "")
    wide = 0
    high = 0
    do for [i = 1:S] {
        if (here(i, v) && G[base[i] + 1] > 0) { wide = sqrt(G[base[i] + 1]) > wide ? sqrt(G[base[i] + 1]) : wide; high = sqrt(G[base[i] + 4]) > high ? sqrt(G[base[i] + 4]) : high }
    }
    wide = wide > 0 ? 1.25 * wide : 1
    high = high > 0 ? 1.25 * high : 1
    set xrange [-wide:wide]
    set yrange [-high:high]
    step = nice(wide / 3)
    while (labels(step) > panel_wide && nice(1.5 * step) <= wide) { step = nice(1.5 * step) }
    set xtics step
    set ytics auto
    bottom = k + across > panels
    set xlabel bottom ? "√n error of " . name_1 : ""
    set ylabel (k - 1) % across == 0 ? "√n error of " . name_2 : ""
    plot for [i = 1:S] here(i, v) ? across_x(G[base[i] + 1], t) : NaN, across_y(G[base[i] + 1], G[base[i] + 2], G[base[i] + 4], t) with lines \
            linecolor rgb loss_colour(L(i)) linewidth curve_width dashtype loss_dash(L(i)), \
         for [i = 1:S] in_panel(i, v, H[base[i] + 1], H[base[i] + 4], 1) * across_x(H[base[i] + 1], t), across_y(H[base[i] + 1], H[base[i] + 2], H[base[i] + 4], t) \
            with lines linecolor rgb loss_colour(L(i)) linewidth 1.2 dashtype 2, \
         for [i = 1:S] in_panel(i, v, H[base[i] + 1], H[base[i] + 4], 0) * across_x(H[base[i] + 1], t), across_y(H[base[i] + 1], H[base[i] + 2], H[base[i] + 4], t) \
            with lines linecolor rgb loss_colour(L(i)) linewidth 1.2 dashtype 3
}
unset parametric
eval page_key
plot NaN notitle, \
     for [k = 1:losses] keyentry with lines linecolor rgb loss_colour(loss[k]) linewidth curve_width dashtype loss_dash(loss[k]) title loss_title(loss[k]), \
     for [k = 1:has_gamma_montecarlo] keyentry with lines linecolor rgb grey linewidth 1.2 dashtype 2 title n_most > 0 ? sprintf("Monte Carlo, n = %d", n_most) : "Monte Carlo", \
     for [k = 1:has_gamma_montecarlo] keyentry with lines linecolor rgb grey linewidth 1.2 dashtype 3 title "not asymptotic (where it fits)"
eval page_close
