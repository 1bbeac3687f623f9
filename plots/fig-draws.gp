# What random draws of a loss add, against their number a datum.
# x: option draws
# columns: inefficiency_max
# size: 17 9
#
# Of `cells`, a panel a family: inefficiency_max (lines), montecarlo_inefficiency with two standard errors each way (marks; open where the cell is
# not asymptotic).

across = txt || families < 2 ? 1 : 2
page_top = page_top - 0.45
drawing(i) = strlen(option(L(i), "draws")) || is_a(L(i), "sliced") || is_a(L(i), "lifted") || is_a(L(i), "denoising")
bare(l) = (bare_at = strstrt(l, "draws="), bare_at == 0 ? l : (bare_rest = l[bare_at:], bare_end = strstrt(bare_rest, ","), \
    bare_head = l[1:bare_at - 1], bare_end ? bare_head . bare_rest[bare_end + 1:] : bare_head[1:strlen(bare_head) - 1]))
E1(i) = column("montecarlo_inefficiency")
two(i) = column("montecarlo_inefficiency_se")
filled(v) = column("asymptotic") == 1 ? v : NaN
empty(v) = column("asymptotic") == 1 ? NaN : v
C(i) = loss_colour(L(i))
shift(i) = x_of(i) * 1.06 ** (series_loss[i] % 3 - 1)
mine(i, f) = across == 1 || series_family[i] == f
# One line a law of directions: the first of its losses names it.
names = ""
kinds = 0
array first[S]
do for [i = 1:S] {
    name = "<" . bare(L(i)) . ">"
    if (drawing(i) && strstrt(names, name) == 0) { kinds = kinds + 1; first[kinds] = i; names = names . name }
}
eval page_open(kinds + 3)
eval forget
do for [i = 1:S] { if (drawing(i)) { stats series(i) using (seen(column("inefficiency_max")), seen(E1(i) + 2 * two(i)), seen(E1(i) - 2 * two(i))) nooutput } }
low = least < 0.9 ? 0.95 * least : 0.9
high = 1.2 * most
do for [f = 1:across] {
    eval panel(f, across, 1)
    eval panel_title(across == 1 && families > 1 ? "" : family[f])
    eval forget
    do for [i = 1:S] { if (drawing(i)) { stats series(i) using (seen(x_of(i))) nooutput } }
    eval log_axis("x", 0.8 * least, 1.25 * most)
    eval log_axis("y", low, high)
    set xlabel "draws a datum"
    set ylabel f == 1 ? "inefficiency, worst direction" : ""
    plot for [i = 1:S] series(i) using (drawing(i) && mine(i, f) ? x_of(i) : NaN):(column("inefficiency_max")) with linespoints linecolor rgb C(i) \
            linewidth curve_width pointtype 7 pointsize 0.3 * mark_size, \
         for [i = 1:S] series(i) using (shift(i)):(drawing(i) && mine(i, f) ? bar_from(E1(i), two(i)) : NaN):(0):(bar_length(E1(i), two(i))) with vectors nohead \
            linecolor rgb C(i) linewidth bar_width, \
         for [i = 1:S] series(i) using (shift(i)):(drawing(i) && mine(i, f) ? filled(E1(i)) : NaN) with points linecolor rgb C(i) pointtype loss_mark(L(i)) pointsize mark_size, \
         for [i = 1:S] series(i) using (shift(i)):(drawing(i) && mine(i, f) ? empty(E1(i)) : NaN) with points linecolor rgb C(i) pointtype hollow(loss_mark(L(i))) pointsize mark_size
}
eval page_key
plot NaN notitle, \
     for [k = 1:kinds] keyentry with linespoints linecolor rgb C(first[k]) linewidth curve_width pointtype loss_mark(L(first[k])) pointsize mark_size title loss_title(bare(L(first[k]))), \
     for [k = 1:has_montecarlo_inefficiency] keyentry with yerrorbars linecolor rgb grey linewidth bar_width pointtype 7 pointsize mark_size title "Monte Carlo ± 2 se", \
     for [k = 1:has_montecarlo_inefficiency] keyentry with points linecolor rgb grey pointtype 6 pointsize mark_size title "not asymptotic"
eval page_close
