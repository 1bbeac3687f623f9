# Spread of the scaled error sqrt(n) (theta-hat - theta) against a grid key: where the variance is not the whole story.
# x: axis
# arrays: quantiles
# size: 17 10
#
# Of `quantiles` (2.5, 25, 50, 75 and 97.5 %) of the last parameter, for the smallest sample size: the middle half (thick), 95 % (thin), the
# median (dotted).  The axis is linear near zero and logarithmic far out.

set label page_caption at screen 0.3 / width, screen 0.28 / height left noenhanced textcolor rgb grey font font_tiny
set label claim at screen 0.3 / width, screen (height - 0.32) / height left noenhanced font font_key
set lmargin at screen 0.12; set rmargin at screen 0.97; set tmargin at screen 0.90; set bmargin at screen 0.27
set nonlinear y via asinh(y) inverse sinh(y)
set ytics (-1e6, -1e5, -1e4, -1e3, -100, -10, -1, 0, 1, 10, 100, 1e3, 1e4, 1e5, 1e6)
set format y "%g"
set xlabel x_label
set ylabel "√n (θ-hat − θ)"
set key at screen 0.5, screen 0.065 center bottom horizontal maxcols 2 noenhanced samplen 2 font font_key
table = array_file(1, "quantiles")
least_n = 1e18; last = 0
stats table using (least_n = column("n") < least_n ? column("n") : least_n, last = column("index1") > last ? column("index1") : last, 1) nooutput
shown(l, q) = strcol("loss") eq l && column("n") == least_n && column("index1") == last && column("index2") == q ? column("value") : NaN
set datafile missing NaN
plot 0 with lines linecolor rgb "#b0b0b0" linewidth 0.5 notitle, \
     for [k = 1:losses] for [q = 0:4] table using (column(x_key)):(shown(loss[k], q)) with lines linecolor rgb loss_colour(loss[k]) \
        linewidth (q == 1 || q == 3 ? 2 : 0.9) dashtype 1 + 2 * (q == 2) title (q == 1 ? loss_title(loss[k]) . ": middle half" : q == 0 ? loss_title(loss[k]) . ": 95 %" : "")
