# style.gp - what all figures share: terminal, fonts, colours, titles, places on the page.  Loaded before each fig-NAME.gp.
#
# The program defines, before it loads this file:
#   format (pdf, png, svg, txt), width, height [cm], columns, rows, colour (of the terminal); directory, target; claim, caption, smoke
#   files; S, series_loss[], series_family[], series_variant[], series_file[], series_n[], series_cells[], series_lead[]:
#     curve i stands in series(i), rows of the table `cells` by growing x, which is a column of its own; lead is 1 for the first sample size
#     of a curve, for which alone asymptotic values are drawn
#   losses, loss[]; families, family[]; V, variant[]: family and keys, as far as they differ between curves
#   x_key, x_help, x_log; n_least, n_most; records
#   has_COLUMN for the real columns of `cells`; has_ARRAY, ARRAY_1, ARRAY_2 (extents) for the arrays that the figure asks for (slash as _)

set encoding utf8
set datafile separator tab
set datafile columnheaders
txt = (format eq "txt")

# ---- terminal and fonts: sizes in points on paper, lines and marks alike in all formats.  page_open begins the page.
terminal_pdf = 'set terminal pdfcairo enhanced color size %g cm, %g cm font "Sans,8" fontscale 0.75 linewidth 1.45 pointscale 0.8 dashlength 0.7 rounded'
terminal_png = 'set terminal pngcairo enhanced color size %d, %d font "Sans,8" fontscale 2.646 linewidth 2.6 pointscale 2.6 dashlength 0.7 rounded'
terminal_svg = 'set terminal svg enhanced size %d, %d font "Sans,8" fontscale 1.48 linewidth 1.1 dashlength 0.7 rounded background "white"'
terminal_txt = "set terminal dumb size columns, rows " . (colour ? "ansi256" : "mono")
page_terminal(w, h) = format eq "pdf" ? sprintf(terminal_pdf, w, h) : format eq "png" ? sprintf(terminal_png, int(100 * w), int(100 * h)) : \
    format eq "svg" ? sprintf(terminal_svg, int(42 * w), int(42 * h)) : terminal_txt
font_key = ",7"
font_tiny = ",6"
letter = 0.14 # width of a letter, cm

# ---- where things are
series(i) = sprintf("%s/series-%d.tsv", directory, i)
array_file(f, name) = sprintf("%s/%d-%s.tsv", directory, f, name)
x_of(i) = column("x")
L(i) = loss[series_loss[i]]

# ---- losses: colour by kind (Okabe and Ito's palette, safe for colour-blind readers) with light and dark shades, mark and dash by variant
option(l, key) = (option_at = strstrt(l, ":" . key . "=") + strstrt(l, "," . key . "="), option_rest = l[option_at + strlen(key) + 2:], \
    option_end = strstrt(option_rest, ","), option_at == 0 ? "" : option_end > 0 ? option_rest[1:option_end - 1] : option_rest)
is_a(l, name) = l eq name || l[1:strlen(name) + 1] eq name . ":"
otherwise(text, default) = strlen(text) ? text : default
kind(l) = is_a(l, "preconditioned") ? otherwise(option(l, "with"), "constant") : ""
exponent(l) = otherwise(option(l, "exponent"), "-0.5")
place(l) = otherwise(option(l, "at"), "truth")
masks(l) = is_a(l, "masked") || is_a(l, "masked-random")
k_of(l) = int(otherwise(option(l, "k"), "1"))
sites_of(l) = option(l, "sites")
variant_of(l) = masks(l) ? k_of(l) - 1 : strlen(sites_of(l)) ? 1 : kind(l) eq "stein" ? (place(l) eq "truth" ? 0 : place(l) eq "pilot" ? 2 : 1) : \
    kind(l) eq "power" || kind(l) eq "exponential" ? (real(exponent(l)) < 0 ? 0 : 1) : 0
# The more sites of a mask, the darker.
greens = "#A6D8C4 #5FBF9C #009E73 #00785A #005541 #003328"
blues = "#9ECAE1 #56B4E9 #0072B2 #7B6FB0 #CC79A7 #7A3300"
reds = "#F6C6A4 #EE9A62 #D55E00 #A84A00 #7C3700 #502300"
shade_of(shades, k) = word(shades, k < 6 ? k : 6)
draws_of(l) = otherwise(option(l, "draws"), "1")
# The more draws, the darker; other schedules than the printed one come after.
lifted_shade(l) = (option(l, "design") eq "tapered" ? 2 : 1) + (draws_of(l) eq "1" ? 0 : draws_of(l) eq "inf" ? 3 : 2)
denoising_shade(l) = (strlen(option(l, "sigma-max")) ? 3 : 2) + (draws_of(l) eq "1" ? 0 : 3)
coordinates_colour(l) = option(l, "h") eq "log1p" ? "#CC79A7" : option(l, "degree") eq "2" ? "#D55E00" : option(l, "cap") eq "1" ? "#0072B2" : strlen(option(l, "cap")) ? "#009E73" : "#56B4E9"
loss_colour(l) = is_a(l, "mle") ? "#000000" : is_a(l, "score-matching") ? "#0072B2" : \
    kind(l) eq "stein" ? (variant_of(l) == 0 ? "#D55E00" : variant_of(l) == 1 ? "#F2A97A" : "#7A3300") : \
    kind(l) eq "power" ? (variant_of(l) ? "#7FCDB0" : "#009E73") : kind(l) eq "exponential" ? (variant_of(l) ? "#E69F00" : "#CC79A7") : \
    kind(l) eq "constant" ? "#56B4E9" : kind(l) eq "matrix" ? "#009E73" : kind(l) eq "riemannian" ? "#E69F00" : kind(l) eq "coordinates" ? coordinates_colour(l) : \
    is_a(l, "lifted") ? shade_of(reds, lifted_shade(l)) : is_a(l, "denoising") ? shade_of(greens, denoising_shade(l)) : \
    is_a(l, "sliced") ? (option(l, "law") eq "gauss" ? "#56B4E9" : option(l, "law") eq "sphere" ? "#CC79A7" : "#0072B2") : is_a(l, "pseudolikelihood") ? "#0072B2" : is_a(l, "masked") ? shade_of(greens, k_of(l)) : \
    is_a(l, "masked-random") ? shade_of(reds, k_of(l)) : is_a(l, "probability-flow") ? "#E69F00" : is_a(l, "rise") ? "#CC79A7" : \
    is_a(l, "ratio-matching") ? "#56B4E9" : is_a(l, "concrete-score") ? "#7A3300" : "#7B6FB0"
loss_dash(l) = is_a(l, "masked") ? 1 : is_a(l, "masked-random") ? 2 : 1 + variant_of(l)
loss_mark(l) = is_a(l, "mle") ? 7 : is_a(l, "lifted") ? (option(l, "design") eq "tapered" ? 11 : 9) : is_a(l, "denoising") ? 13 : is_a(l, "sliced") ? 15 : \
    kind(l) eq "matrix" ? 9 : kind(l) eq "riemannian" ? 11 : kind(l) eq "coordinates" ? (option(l, "h") eq "log1p" ? 11 : option(l, "degree") eq "2" ? 13 : option(l, "cap") eq "1" ? 5 : strlen(option(l, "cap")) ? 9 : 15) : is_a(l, "score-matching") || is_a(l, "pseudolikelihood") ? 5 : masks(l) ? (is_a(l, "masked") ? 9 : 11) : \
    is_a(l, "probability-flow") ? 13 : is_a(l, "rise") ? 15 : is_a(l, "ratio-matching") ? 11 : is_a(l, "concrete-score") ? 9 : kind(l) eq "stein" ? 13 - 2 * variant_of(l) : kind(l) eq "constant" ? 15 : 9 + 2 * variant_of(l)
hollow(mark) = mark - 1 # every filled mark follows its outline
minus(number) = number[1:1] eq "-" ? "−" . number[2:] : number
stein_place(l) = place(l) eq "truth" ? " at the truth" : place(l) eq "pilot" ? " at a pilot" : " at " . place(l)
stein_of(l) = strlen(option(l, "direction")) ? " of " . option(l, "direction") : ""
plain_name(l) = (name_end = strstrt(l, ":"), name_text = name_end ? l[1:name_end - 1] : l, name_dash = strstrt(name_text, "-"), \
    name_dash ? name_text[1:name_dash - 1] . " " . name_text[name_dash + 1:] : name_text)
mask_title(l) = (is_a(l, "masked") ? "masks averaged" : "one random mask") . (strlen(option(l, "blocks")) ? ", " . option(l, "blocks") : "") . \
    (strlen(option(l, "rate")) ? ", rate " . option(l, "rate") : strlen(option(l, "k")) || x_key ne "k" ? ", k = " . k_of(l) : "")
schedule_title(l) = (strlen(option(l, "decay")) ? ", decay " . option(l, "decay") : "") . (strlen(option(l, "power")) ? ", power " . option(l, "power") : "") . \
    (strlen(option(l, "range")) ? ", range " . option(l, "range") : "") . (strlen(option(l, "beta-max")) ? ", β to " . option(l, "beta-max") : "") . (strlen(option(l, "speed")) ? ", speed " . option(l, "speed") : "")
draws_title(l) = x_key eq "draws" || draws_of(l) eq "1" ? "" : draws_of(l) eq "inf" ? ", all draws" : ", " . draws_of(l) . " draws"
lifted_title(l) = "lifted" . (option(l, "design") eq "tapered" ? ", tapered" : "") . (strlen(option(l, "boundary")) ? ", " . option(l, "boundary") : "") . schedule_title(l) . draws_title(l)
denoising_title(l) = "denoising, σ = " . otherwise(option(l, "sigma"), "1") . (strlen(option(l, "sigma-max")) ? " to " . option(l, "sigma-max") : "") . draws_title(l)
sliced_title(l) = "sliced, " . otherwise(option(l, "law"), "rademacher") . (option(l, "reduced") eq "yes" ? ", reduced" : "") . draws_title(l)
matrix_title(l) = "D = " . (otherwise(option(l, "matrix"), "covariance") eq "covariance" ? "covariance" : option(l, "matrix") eq "hessian" ? "inverse Hessian" : option(l, "matrix"))
coordinates_title(l) = (coordinates_h = option(l, "h") eq "log1p" ? "log(1 + x)" : otherwise(option(l, "degree"), "1") eq "1" ? "x" : "x^" . option(l, "degree"), \
    "h = " . (strlen(option(l, "cap")) ? "min(" . coordinates_h . ", " . option(l, "cap") . ")" : coordinates_h))
loss_title(l) = is_a(l, "lifted") ? lifted_title(l) : is_a(l, "denoising") ? denoising_title(l) : is_a(l, "sliced") ? sliced_title(l) : kind(l) eq "matrix" ? matrix_title(l) : \
    kind(l) eq "coordinates" ? coordinates_title(l) : kind(l) eq "riemannian" ? "Riemannian D" : is_a(l, "mle") ? "maximum likelihood" : is_a(l, "score-matching") ? "score matching" : kind(l) eq "stein" ? "Stein kernel" . stein_of(l) . stein_place(l) : \
    kind(l) eq "power" ? "D = p to the " . minus(exponent(l)) : kind(l) eq "exponential" ? "D = exp(" . minus(exponent(l)) . " p/max p)" : \
    kind(l) eq "constant" ? "D = " . otherwise(option(l, "value"), "1") : masks(l) ? mask_title(l) : strlen(sites_of(l)) ? plain_name(l) . ", sites " . sites_of(l) : \
    is_a(l, "rise") ? "RISE" : plain_name(l)
loss_short(l) = kind(l) eq "stein" ? "Stein kernel" . stein_place(l) : loss_title(l)
series_title(i) = loss_title(L(i)) . (strlen(variant[series_variant[i]]) ? " (" . variant[series_variant[i]] . ")" : "")
# Curves of one loss that differ in their keys are told apart by the dash, if the loss does not need it.
series_dash(i) = V > 1 && loss_dash(L(i)) == 1 ? 1 + (series_variant[i] - 1) % 4 : loss_dash(L(i))

# ---- families: a mark each
family_mark(f) = f eq "bimodal" ? 6 : f eq "mixture" ? 4 : f eq "polynomial" ? 8 : f eq "sparse-cut" ? 12 : f eq "monomial" ? 10 : f eq "sinusoid" ? 14 : \
    f eq "double-well" ? 2 : f eq "gaussian" ? 1 : f eq "ising" ? 5 : f eq "potts" ? 9 : f eq "loglinear" ? 13 : f eq "hardcore" ? 11 : f eq "parity" ? 15 : 3
# Curves that differ by their keys alone.
variant_colour(v) = word("#0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #7A3300", 1 + (v - 1) % 7)

# ---- sample sizes: larger marks for larger n
sizes = ""
do for [i = 1:S] {
    if (series_n[i] > 0 && strstrt(" " . sizes . " ", sprintf(" %d ", series_n[i])) == 0) { sizes = sizes . sprintf("%s%d", strlen(sizes) ? " " : "", series_n[i]) }
}
size_rank(n) = words(sizes) < 2 ? 0.5 : (sum [k = 1:words(sizes)] (int(word(sizes, k)) < n)) / (words(sizes) - 1.0)
size_mark(n) = txt ? 1 : mark_size * (0.8 + 0.7 * size_rank(n))
# The curves that stand for their loss: one for all sample sizes.
leads = int(sum [i = 1:S] series_lead[i])
array lead[leads]
leads = 0
do for [i = 1:S] { if (series_lead[i]) { leads = leads + 1; lead[leads] = i } }

# ---- lines, marks, axes
bar_width = 0.9
curve_width = 1.6
mark_size = txt ? 1 : 0.5
grey = "#707070"
set style fill solid 0.15 noborder
set border 3 linewidth 0.7 linecolor rgb "#404040"
set tics nomirror out scale 0.5, 0.25
set grid ytics linewidth 0.5 linecolor rgb "#d8d8d8" dashtype 1
set format x "%g"
power = txt ? "1e%T" : "10^{%T}"
# 1 2 5 of each power of ten from a to b
ticks(a, b) = sprintf("%g, %g, %g", 10.0 ** a, 2 * 10.0 ** a, 5 * 10.0 ** a) . (a < b ? ", " . ticks(a + 1, b) : "")
decades(low, high) = log10(1.0 * high / low)
# Powers of ten that find room on the axis `a` of the panel.
room_on(a) = a eq "x" ? panel_wide / (txt ? 1.4 : 0.9) : panel_high / (txt ? 0.84 : 0.5)
x_label = x_key . (strlen(x_help) ? ": " . x_help : "")
# Log axis `a` (x or y) from low to high: powers of ten where it is long (every per-th, from a power below), 1 2 5 where it is short.
powers(a, low, per) = sprintf("set %stics %g, %g; ", a, 10.0 ** (per * floor(log10(low) / per)), 10.0 ** per) . \
    sprintf(per > 1 ? "unset m%stics" : "set m%stics 10", a)
log_axis(a, low, high) = sprintf("set logscale %s; set %srange [%g:%g]; ", a, a, low, high) . (high <= 60 * low ? \
    sprintf("set %stics (%s); unset m%stics; set format %s '%%g'", a, ticks(int(floor(log10(low))), int(ceil(log10(high)))), a, a) : \
    sprintf("set format %s power; ", a) . powers(a, low, decades(low, high) < room_on(a) ? 1 : int(ceil(decades(low, high) / room_on(a)))))
# Smallest and largest of what passes through seen(), for `stats`, which wants a number of every row.
forget = "least = 1e300; most = -1e300"
seen(v) = (v < least ? least = v : 0, v > most && v < 1e300 ? most = v : 0, 1)
# The axis of the grid key, a little wider than its values: x_step is 4 % of it, x_gap the least distance of neighbours in such steps.
next(x) = (x_gap = x > last && distance(last, x) < x_gap ? distance(last, x) : x_gap, last = x, x)
distance(a, b) = x_log ? log(b / a) : b - a
find_x = forget . "; x_gap = 1e300; do for [i = 1:S] { last = 1e300; stats series(i) using (seen(next(x_of(i)))) nooutput }; " . \
    "x_step = x_log ? (most > least ? (most / least) ** 0.04 : 1.9) : (most > least ? 0.04 * (most - least) : 1); " . \
    "x_low = x_log ? least / x_step : least - x_step; x_high = x_log ? most * x_step : most + x_step; " . \
    "x_gap = x_gap < 1e300 ? x_gap / (x_log ? log(x_step) : x_step) : 25"
eval find_x
x_shifted(i, steps) = x_log ? x_of(i) * x_step ** steps : x_of(i) + x_step * steps
# The k-th of `count` that stand side by side, `apart` steps from each other if there is room.
beside(k, count, apart) = (k - 0.5 * (count + 1)) * (apart * count < 0.7 * x_gap ? apart : 0.7 * x_gap / count)
# Sample sizes stand side by side, and many losses.
x_beside(i) = x_shifted(i, 0.3 * (size_rank(series_n[i]) - 0.5) + (losses > 3 ? beside(series_loss[i], losses, 0.3) : 0))
x_axis = "eval x_axis_in(panel_wide)"
x_axis_in(wide) = x_log ? log_axis("x", x_low, x_high) : sprintf("set xrange [%g:%g]", x_low, x_high)

# What lies above an axis from `low` to `high` is an arrow at its end.
arrow_foot(low, high) = high / (1.0 * high / low) ** ((txt ? 0.84 : 0.32) / panel_high)
arrow_length(low, high) = high - arrow_foot(low, high)
arrow_head = "head filled size screen 0.006, 24 fixed" # for the macro @arrow_head
arrow_title = "↑ above the axis"
# Error bars of two standard errors on an axis that begins at `low`, as vectors: gnuplot's own blank out what lies behind their marks.
bar_from(v, se) = v - 2 * se > low ? v - 2 * se : v < low ? NaN : low
bar_length(v, se) = v + 2 * se - bar_from(v, se)

# ---- the page: claim, panels, key, caption.  Lengths in centimetres from the bottom; on a terminal a letter is 0.2 wide and 0.42 high.
if (txt) { width = 0.2 * columns; height = 0.42 * rows; claim = ""; letter = 0.2 }
room_for(across) = txt && columns < 60 * across ? 1 : across
line = txt ? 0.42 : 0.35
# Columns of the key: as many as its longest text allows.
longest = 29
do for [i = 1:S] { if (strlen(series_title(i)) > longest) { longest = strlen(series_title(i)) } }
longest_loss = 0
do for [k = 1:losses] { if (strlen(loss_title(loss[k])) > longest_loss) { longest_loss = strlen(loss_title(loss[k])) } }
key_columns(letters) = txt || letters > 49 ? 1 : letters > 29 ? 2 : 3
per_row = key_columns(longest)
lines_in(text) = 1 + (strstrt(text, "\n") > 0)
page_caption = caption . (smoke ? "; smoke run" : "")
page_top = height - (txt ? 0.5 : 0.3) - (strlen(claim) ? 0.38 * lines_in(claim) : 0)
page_low = 2.0
edge_left = txt ? 2.0 : 1.5
edge_right = txt ? 0.6 : 0.35
gutter = txt ? 2.6 : 1.75
row_gutter = txt ? 1.9 : 1.4
# A key of `entries` items stands between the panels and the caption; the page grows if it has more than four lines.
# (gnuplot counts a loop without entries as one.)
key_bottom = txt ? 0.5 : 0.6
page_open(entries) = sprintf("key_lines = ceil(%d.0 / per_row); more = txt || key_lines < 5 ? 0 : line * (key_lines - 4); ", entries) . \
    "height = height + more; page_top = page_top + more; page_low = key_bottom + line * key_lines + (txt ? 1.3 : 1.05) + line * (lines_in(x_label) - 1); " . \
    "eval page_terminal(width, height); set output target; set multiplot; unset key"
panel_w(across) = (width - edge_left - edge_right - (across - 1) * gutter) / across
panel_h(down) = (page_top - page_low - (down - 1) * row_gutter) / down
panel_x(k, across) = edge_left + ((k - 1) % across) * (panel_w(across) + gutter)
panel_y(k, across, down) = page_low + (down - 1 - (k - 1) / across) * (panel_h(down) + row_gutter)
margins(left, bottom, w, h) = sprintf("set lmargin at screen %g; set rmargin at screen %g; set bmargin at screen %g; set tmargin at screen %g; ", \
    left / width, (left + w) / width, bottom / height, (bottom + h) / height) . sprintf("panel_wide = %g; panel_high = %g", w, h)
# Panel k of across x down, in the order of reading.
panel(k, across, down) = margins(panel_x(k, across), panel_y(k, across, down), panel_w(across), panel_h(down))
# As much of a text as fits above a panel.
letters_over(wide) = int((wide + 0.3) / letter)
clipped(text) = (panel_letters = letters_over(panel_wide), strlen(text) > panel_letters ? text[1:panel_letters - 1] . "…" : text)
panel_title(text) = panel_titles("", text)
# Two lines where `upper` is not empty.
panel_titles(upper, text) = "set label 99 \"" . (strlen(upper) ? clipped(upper) . '\n' : "") . clipped(text) . \
    sprintf("\" at graph 0, graph 1 offset character %g, character %g left", txt ? 1.0 : 0.0, strlen(upper) ? 1.6 : 0.6) . " noenhanced font font_key"
set xlabel font font_key
set ylabel font font_key
set tics font font_key
# After the last panel: an empty one over the whole page, for key, claim and caption.  `plot NaN notitle, keyentry ...` follows, then page_close.
page_key = margins(0, 0, width, height) . "; unset label; unset border; unset tics; unset xlabel; unset ylabel; unset logscale; unset grid; unset title; " . \
    "unset object; unset arrow; set xrange [0:1]; set yrange [0:1]; " . \
    "set key at screen 0.5, screen key_bottom / height center bottom horizontal maxcols per_row Left reverse noenhanced samplen 2.4 spacing 1.05 width 1 font font_key; " . \
    "set label page_caption at screen 0.3 / width, screen (txt ? 0.1 : 0.28) / height left noenhanced textcolor rgb grey font font_tiny; " . \
    "set label claim at screen 0.3 / width, screen (height - 0.32) / height left noenhanced font font_key"
page_close = "unset multiplot"
