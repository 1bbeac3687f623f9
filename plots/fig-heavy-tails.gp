# Spread of the scaled error sqrt(n) (theta-hat - theta) against a grid key: where the variance is not the whole story.
# x: axis
# arrays: quantiles
# also: gamma
# size: 17 9.5
#
# Of `quantiles`, at the smallest sample size, a panel each for the first and the last parameter: the middle half of the replicates (box),
# 95 % of them (whiskers), the median (bar).  Of `gamma`: 1.96 standard deviations of the asymptotic law each way (diamonds): where whiskers
# reach farther, the tails are heavier than the law says.  The axis is linear near zero and logarithmic far out.

m = quantiles_1
across = m > 1 ? room_for(2) : 1
page_top = page_top - 0.45
per_row = key_columns(longest + 11)
eval page_open(leads + 1)
array Q[files * records * m * 5]
array G[files * records * m]
q_at(f, r, j, q) = (((f - 1) * records + int(r)) * m + int(j)) * 5 + int(q) + 1
g_at(f, r, j) = ((f - 1) * records + int(r)) * m + int(j) + 1
do for [k = 1:|Q|] { Q[k] = NaN }
do for [k = 1:|G|] { G[k] = NaN }
do for [f = 1:files] {
    stats array_file(f, "quantiles") using (Q[q_at(f, column("record"), column("index1"), column("index2"))] = column("value"), 1) nooutput
    if (has_gamma) {
        stats array_file(f, "gamma") using (column("index1") == column("index2") ? G[g_at(f, column("record"), column("index1"))] = column("value") : 0, 1) nooutput
    }
}
names = ""
stats series(1) using (names = strcol("parameters"), 1) nooutput
names = names[strstrt(names, "free=") + 5:]
do for [k = 1:m - 1] { bar = strstrt(names, "/"); if (bar) { names = names[:bar - 1] . " " . names[bar + 1:] } }

# Boxes of one grid value stand side by side, as wide as the next value allows.
box_steps = series_cells[1] < 2 ? 0.3 : series_cells[1] < 4 ? 3.5 / leads : 14.0 / series_cells[1] / leads
box = box_steps * x_step
log_box = x_log ? x_step ** box_steps : 1
array place[S]
do for [k = 1:leads] { place[lead[k]] = k - 0.5 * (leads + 1) }
x_at(i) = x_log ? x_of(i) * log_box ** (1.2 * place[i]) : x_of(i) + 1.2 * box * place[i]
parameter(i) = p == 1 ? 0 : int(column("m")) - 1
quantile(i, q) = Q[q_at(series_file[i], column("record"), parameter(0), q)]
normal(i) = 1.96 * sqrt(G[g_at(series_file[i], column("record"), parameter(0))])
x_low = x_log ? x_low / x_step ** 0.3 : x_low - 0.3 * x_step
x_high = x_log ? x_high * x_step ** 0.3 : x_high + 0.3 * x_step
if (x_log) { eval log_axis("x", x_low, x_high) } else { set xrange [x_low:x_high] }

set nonlinear y via asinh(y) inverse sinh(y)
set style fill solid 0.25 border
do for [p = 1:across] {
    eval panel(p, across, 1)
    eval panel_title(V > 1 && m > 1 ? (p == 1 ? "first parameter" : "last parameter") : word(names, p == 1 ? 1 : m))
    eval forget
    do for [k = 1:leads] { stats series(lead[k]) using (seen(quantile(lead[k], 0)), seen(quantile(lead[k], 4))) nooutput }
    set yrange [sinh(1.05 * asinh(least) - 0.2):sinh(1.05 * asinh(most) + 0.2)]
    step = most > 1e6 ? 100 : 10
    set ytics (0, 1, "−1" -1)
    do for [d = 1:12] { t = real(step) ** d; set ytics add (sprintf(txt ? "1e%d" : "10^{%d}", d * (step == 100 ? 2 : 1)) t, sprintf(txt ? "-1e%d" : "−10^{%d}", d * (step == 100 ? 2 : 1)) -t) }
    set xlabel x_label
    set ylabel p == 1 ? "√n (θ-hat − θ)" : ""
    plot 0 with lines linecolor rgb grey linewidth 0.5, \
         for [k = 1:leads] series(lead[k]) using (x_at(lead[k])):(quantile(lead[k], 1)):(quantile(lead[k], 0)):(quantile(lead[k], 4)):(quantile(lead[k], 3)):(box) \
            with candlesticks linecolor rgb loss_colour(L(lead[k])) linewidth bar_width whiskerbars 0.6, \
         for [k = 1:leads] series(lead[k]) using (x_at(lead[k])):(quantile(lead[k], 2)):(quantile(lead[k], 2)):(quantile(lead[k], 2)):(quantile(lead[k], 2)):(box) \
            with candlesticks linecolor rgb loss_colour(L(lead[k])) linewidth 2, \
         for [k = 1:leads * has_gamma] series(lead[k]) using (x_at(lead[k])):(normal(lead[k])) with points \
            linecolor rgb loss_colour(L(lead[k])) pointtype 13 pointsize 0.8 * mark_size, \
         for [k = 1:leads * has_gamma] series(lead[k]) using (x_at(lead[k])):(-normal(lead[k])) with points \
            linecolor rgb loss_colour(L(lead[k])) pointtype 13 pointsize 0.8 * mark_size
}

eval page_key
unset nonlinear y
plot NaN notitle, \
     for [k = 1:leads] keyentry with boxes linecolor rgb loss_colour(L(lead[k])) title series_title(lead[k]) . sprintf(", n = %d", series_n[lead[k]]), \
     for [k = 1:has_gamma] keyentry with points linecolor rgb grey pointtype 13 pointsize 0.8 * mark_size title "± 1.96 asymptotic sd"
eval page_close
