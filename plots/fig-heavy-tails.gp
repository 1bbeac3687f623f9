# Spread of the scaled error sqrt(n) (theta-hat - theta) against a grid key: where the variance is not the whole story.
# x: axis
# arrays: quantiles
# also: gamma
# size: 17 9.5
#
# Of `quantiles`, at the smallest sample size, a panel each for the first and the last parameter: the middle half of the replicates (box),
# 95 % of them (whiskers), the median (bar); boxes are empty where the cell is not asymptotic.  Of `gamma`: 1.96 standard deviations of the
# asymptotic law each way (diamonds): where whiskers reach farther, the tails are heavier than the law says.  The axis is linear near zero and
# logarithmic far out.

m = quantiles_1
across = m > 1 ? room_for(2) : 1
page_top = page_top - 0.45
per_row = key_columns(longest + 11)
eval page_open(leads + 3)
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

# Boxes of one grid value stand side by side, as wide as the nearest value allows, but no wider than six steps together.
room = 0.75 * x_gap < 6 ? 0.75 * x_gap : 6
box = room / leads / 1.2
array place[S]
do for [k = 1:leads] { place[lead[k]] = k - 0.5 * (leads + 1) }
x_at(i) = x_shifted(i, 1.2 * box * place[i])
width_of(i) = x_log ? x_at(i) * (x_step ** (0.5 * box) - x_step ** (-0.5 * box)) : box * x_step
parameter(i) = p == 1 ? 0 : int(column("m")) - 1
quantile(i, q) = Q[q_at(series_file[i], column("record"), parameter(0), q)]
x_if(i, want) = column("asymptotic") == want ? x_at(i) : NaN
normal(i) = 1.96 * sqrt(G[g_at(series_file[i], column("record"), parameter(0))])
x_low = x_log ? x_low / x_step ** (0.5 * room) : x_low - 0.5 * room * x_step
x_high = x_log ? x_high * x_step ** (0.5 * room) : x_high + 0.5 * room * x_step

set nonlinear y via asinh(y) inverse sinh(y)
do for [p = 1:across] {
    eval panel(p, across, 1)
    eval x_axis
    eval panel_title(V > 1 && m > 1 ? (p == 1 ? "first parameter" : "last parameter") : word(names, p == 1 ? 1 : m))
    eval forget
    do for [k = 1:leads] { stats series(lead[k]) using (seen(quantile(lead[k], 0)), seen(quantile(lead[k], 4))) nooutput }
    do for [k = 1:leads * has_gamma] { stats series(lead[k]) using (seen(normal(lead[k])), seen(-normal(lead[k]))) nooutput }
    set yrange [sinh(1.05 * asinh(least) - 0.2):sinh(1.05 * asinh(most) + 0.2)]
    # Powers of ten that find room on both sides of zero; one and its like only where the axis is short.
    far = most > -least ? most : -least
    per = int(ceil(0.5 * (asinh(most) - asinh(least)) / log(10) / room_on("y") * 2.6))
    per = per < 1 ? 1 : per
    set ytics (0)
    do for [d = 1:60] { t = 10.0 ** (d * per); label = d * per == 1 ? "10" : sprintf(txt ? "1e%d" : "10^{%d}", d * per); set ytics add (label t, "−" . label -t) }
    if (far < 200) { set ytics add (1, "−1" -1) }
    if (far < 20) { set ytics add (0.5, "−0.5" -0.5, 2, "−2" -2, 5, "−5" -5) }
    set xlabel x_label noenhanced
    set ylabel p == 1 ? "√n (θ-hat − θ)" : ""
    plot 0 with lines linecolor rgb grey linewidth 0.5, \
         for [k = 1:leads] series(lead[k]) using (x_if(lead[k], 1)):(quantile(lead[k], 1)):(quantile(lead[k], 0)):(quantile(lead[k], 4)):(quantile(lead[k], 3)):(width_of(lead[k])) \
            with candlesticks linecolor rgb loss_colour(L(lead[k])) linewidth bar_width dashtype series_dash(lead[k]) fillstyle solid 0.25 border whiskerbars 0.6, \
         for [k = 1:leads] series(lead[k]) using (x_if(lead[k], 0)):(quantile(lead[k], 1)):(quantile(lead[k], 0)):(quantile(lead[k], 4)):(quantile(lead[k], 3)):(width_of(lead[k])) \
            with candlesticks linecolor rgb loss_colour(L(lead[k])) linewidth bar_width dashtype series_dash(lead[k]) fillstyle empty border whiskerbars 0.6, \
         for [k = 1:leads] series(lead[k]) using (x_at(lead[k])):(quantile(lead[k], 2)):(quantile(lead[k], 2)):(quantile(lead[k], 2)):(quantile(lead[k], 2)):(width_of(lead[k])) \
            with candlesticks linecolor rgb loss_colour(L(lead[k])) linewidth 2, \
         for [k = 1:leads * has_gamma] series(lead[k]) using (x_at(lead[k])):(normal(lead[k])) with points \
            linecolor rgb loss_colour(L(lead[k])) pointtype 13 pointsize 0.8 * mark_size, \
         for [k = 1:leads * has_gamma] series(lead[k]) using (x_at(lead[k])):(-normal(lead[k])) with points \
            linecolor rgb loss_colour(L(lead[k])) pointtype 13 pointsize 0.8 * mark_size
}

eval page_key
unset nonlinear y
set style fill solid 0.25 border
plot NaN notitle, \
     for [k = 1:leads] keyentry with boxes linecolor rgb loss_colour(L(lead[k])) dashtype series_dash(lead[k]) \
        title series_title(lead[k]) . sprintf(", n = %d", series_n[lead[k]]), \
     for [k = 1:1] keyentry with dots linecolor rgb "white" title "box 50 %, whiskers 95 % of fits", \
     for [k = 1:1] keyentry with boxes linecolor rgb grey fillstyle empty border linecolor rgb grey title "not asymptotic", \
     for [k = 1:has_gamma] keyentry with points linecolor rgb grey pointtype 13 pointsize 0.8 * mark_size title "± 1.96 asymptotic sd"
eval page_close
