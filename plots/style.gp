# style.gp - what all figures share: terminal, fonts, colours, titles, places on the page.  Loaded before each fig-NAME.gp.
#
# The program defines, before it loads this file:
#   format (pdf, png, svg, txt), width, height [cm], columns, rows, colour (terminal); directory, target; claim, caption, smoke
#   files; S, series_loss[], series_family[], series_variant[], series_file[], series_n[], series_cells[], series_x[], series_lead[]:
#     curve i stands in series(i), rows of the table `cells` by growing x; series_x is the column of x; lead is 1 for the first sample size
#     of a curve, for which alone asymptotic values are drawn
#   losses, loss[]; families, family[]; V, variant[]: family and keys, as far as they differ between curves
#   x_key, x_help, x_log; n_least, n_most; records
#   has_COLUMN for the real columns of `cells`; has_ARRAY, ARRAY_1, ARRAY_2 (extents) for the arrays that the figure asks for (slash as _)

set encoding utf8
set datafile separator tab
set datafile columnheaders
txt = (format eq "txt")

if (format eq "pdf") {
    set terminal pdfcairo enhanced color size width cm, height cm font "Sans,8" linewidth 0.9 dashlength 0.7 rounded
}
if (format eq "png") {
    set terminal pngcairo enhanced color size int(width * 100), int(height * 100) font "Sans,19" linewidth 2.2 pointscale 2.4 dashlength 0.7 rounded
}
if (format eq "svg") {
    set terminal svg enhanced size int(width * 42), int(height * 42) font "Sans,11" linewidth 1.1 dashlength 0.7 rounded background "white"
}
if (txt && colour) { set terminal dumb size columns, rows ansi256 }
if (txt && !colour) { set terminal dumb size columns, rows mono }
set output target

# ---- where things are
series(i) = sprintf("%s/series-%d.tsv", directory, i)
array_file(f, name) = sprintf("%s/%d-%s.tsv", directory, f, name)
x_of(i) = column(series_x[i])
L(i) = loss[series_loss[i]]

# ---- losses: colour by kind (Okabe and Ito's palette, safe for colour-blind readers), mark and dash by variant
option(l, key) = (option_at = strstrt(l, ":" . key . "=") + strstrt(l, "," . key . "="), option_at == 0 ? "" : \
    (option_rest = l[option_at + strlen(key) + 2:], option_end = strstrt(option_rest, ","), \
     option_end > 0 ? option_rest[1:option_end - 1] : option_rest))
is_a(l, name) = (l eq name || l[1:strlen(name) + 1] eq name . ":")
kind(l) = is_a(l, "preconditioned") ? (strstrt(l, "with=") ? option(l, "with") : "constant") : ""
loss_colour(l) = is_a(l, "mle") ? "#000000" : is_a(l, "score-matching") ? "#0072B2" : \
    kind(l) eq "stein" ? "#D55E00" : kind(l) eq "power" ? "#009E73" : kind(l) eq "exponential" ? "#CC79A7" : kind(l) eq "constant" ? "#56B4E9" : "#E69F00"
# A number from the options' letters: variants of one kind get the same dash and mark in every figure.
letters = "0123456789abcdefghijklmnopqrstuvwxyz.-=,/:"
spread(l) = int(sum [k = 1:strlen(l)] (1 + k % 2) * strstrt(letters, l[k:k])) % 3
place(l) = strstrt(l, "at=") ? option(l, "at") : "truth"
is_pilot(l) = (place(l) eq "pilot")
variant_of(l) = kind(l) eq "stein" ? (place(l) eq "truth" ? 0 : is_pilot(l) ? 2 : 1) : kind(l) eq "power" || kind(l) eq "exponential" ? spread(l) : 0
loss_dash(l) = is_a(l, "mle") ? 1 : 1 + 2 * (variant_of(l) > 0) + (variant_of(l) > 1)
array filled_mark[6] = [5, 7, 9, 11, 13, 15]
loss_mark(l) = is_a(l, "mle") ? 7 : is_a(l, "score-matching") ? 5 : kind(l) eq "stein" ? filled_mark[5] - 2 * (variant_of(l) > 0) - 2 * (variant_of(l) > 1) : \
    kind(l) eq "constant" ? 15 : filled_mark[3 + variant_of(l)]
hollow(mark) = mark - 1 # every filled mark follows its outline
minus(number) = number[1:1] eq "-" ? "−" . number[2:] : number
stein_title(l) = "Stein kernel" . (strlen(option(l, "direction")) && (is_pilot(l) || place(l) eq "truth") ? " of " . option(l, "direction") : "") . \
    (is_pilot(l) ? " at a pilot" : place(l) eq "truth" ? " at the truth" : " at " . place(l))
exponent(l) = strlen(option(l, "exponent")) ? option(l, "exponent") : "-0.5"
value_of(l) = strlen(option(l, "value")) ? option(l, "value") : "1"
loss_title(l) = is_a(l, "mle") ? "maximum likelihood" : is_a(l, "score-matching") ? "score matching" : kind(l) eq "stein" ? stein_title(l) : \
    kind(l) eq "power" ? "D = p to the " . minus(exponent(l)) : kind(l) eq "exponential" ? "D = exp(" . minus(exponent(l)) . " p)" : \
    kind(l) eq "constant" ? "D = " . value_of(l) : l
series_title(i) = loss_title(L(i)) . (strlen(variant[series_variant[i]]) ? ", " . variant[series_variant[i]] : "")

# ---- families: a mark each
family_mark(f) = f eq "bimodal" ? 7 : f eq "mixture" ? 5 : f eq "polynomial" ? 9 : f eq "sparse-cut" ? 13 : f eq "monomial" ? 11 : f eq "sinusoid" ? 15 : \
    f eq "double-well" ? 4 : f eq "gaussian" ? 2 : 3

# ---- lines, marks, axes
bar_width = 0.9 # of error bars: two standard errors each way
curve_width = 1.8
mark_size = txt ? 1 : 0.55
set style fill solid 0.15 noborder
set errorbars 0.6
set border 3 linewidth 0.7 linecolor rgb "#404040"
set tics nomirror out scale 0.5, 0.25
set grid x y linewidth 0.5 linecolor rgb "#dcdcdc"
set grid noxtics
set format x "%g"
power = txt ? "1e%T" : "10^{%T}"
set key noenhanced samplen 2.2 spacing 1.05 width -1 font (format eq "png" ? ",17" : format eq "svg" ? ",10" : ",7")
x_label = x_key . (strlen(x_help) ? ": " . x_help : "")
x_axis = x_log ? "set logscale x; set xtics auto" : "unset logscale x; set xtics auto"

# Log axis from `low` to `high`: powers of ten where it is long, 1 2 5 where it is short.
y_axis(low, high) = sprintf("set logscale y; set yrange [%g:%g]; ", low, high) . (high / low > 60 ? "set ytics auto; set mytics 10; set format y power" : \
    "set ytics (.01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000); unset mytics; set format y '%g'")
# Largest and smallest of what passes through seen(): for `stats`, which needs a number of every row.
forget = "least = 1e300; most = -1e300"
seen(v) = (v < least ? least = v : 0, v > most && v < 1e300 ? most = v : 0, 1)

# ---- sample sizes: larger marks for larger n
sizes = ""
do for [i = 1:S] { if (series_n[i] > 0 && strstrt(" " . sizes . " ", sprintf(" %d ", series_n[i])) == 0) { sizes = sizes . (strlen(sizes) ? " " : "") . sprintf("%d", series_n[i]) } }
size_rank(n) = words(sizes) < 2 ? 0.5 : (sum [k = 1:words(sizes)] (int(word(sizes, k)) < n)) / (words(sizes) - 1.0)
size_mark(n) = mark_size * (txt ? 1 : 0.75 + 0.6 * size_rank(n))
leads = int(sum [i = 1:S] series_lead[i])

# ---- the page: title, `across` panels side by side in `down` lines, a key of `entries` items `per_row` a line, caption
per_row = 3
small = format eq "png" ? ",15" : format eq "svg" ? ",9" : ",6.5"
page_caption = caption . (smoke ? "; SMOKE RUN" : "")
page_top = 1 - 0.75 / height
page_key(entries) = 0.62 + 0.37 * ceil(real(entries) / per_row) # cm from the bottom
page_low(entries) = (page_key(entries) + 1.05 + 0.35 * (strstrt(x_help, "\n") > 0)) / height
edge_left = 1.55 / width
edge_right = 0.35 / width
gutter = 1.75 / width
row_gutter = 1.55 / height
begin(number) = txt ? "set key bmargin center horizontal; set bmargin 6; entries = 0" : sprintf("set multiplot; unset key; entries = %d", number)
# Panel k of `across` x `down`, from the left and the top.  The letters of panels are drawn above them.
panel_w(across) = (1 - edge_left - edge_right - (across - 1) * gutter) / across
panel_h(down) = (page_top - page_low(entries) - (down - 1) * row_gutter) / down
panel_x(k, across) = edge_left + ((k - 1) % across) * (panel_w(across) + gutter)
panel_y(k, across, down) = page_top - ((k - 1) / across) * (panel_h(down) + row_gutter)
panel(k, across, down, title) = txt ? "" : sprintf("set lmargin at screen %g; set rmargin at screen %g; set tmargin at screen %g; set bmargin at screen %g; set label 99 '%s' at graph 0, graph 1 offset 0, character 0.7 left front", \
    panel_x(k, across), panel_x(k, across) + panel_w(across), panel_y(k, across, down), panel_y(k, across, down) - panel_h(down), title)
# Before the panel whose titles make the key of the page.
key_here = txt ? "" : sprintf("set key at screen 0.5, %g center bottom horizontal maxcols %d", 0.55 / height, per_row)
page_end = txt ? "" : "unset multiplot"
set label 98 page_caption at screen (txt ? 0.02 : 0.3 / width), (txt ? 0.0 : 0.28 / height) left noenhanced textcolor rgb "#606060" font small
set style textbox opaque noborder
