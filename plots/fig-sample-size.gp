# How the Monte Carlo variance approaches its asymptotic value, and what the intervals are worth, against the sample size.
# x: n
# columns: montecarlo_inefficiency
# size: 17 9
#
# Left, of `cells`: montecarlo_inefficiency with two standard errors each way against n; inefficiency_max (lines).
# Right: coverage of the 95 % sandwich interval with two standard errors each way; the nominal level (grey).

set label page_caption at screen 0.3 / width, screen 0.28 / height left noenhanced textcolor rgb grey font font_tiny
set label claim at screen 0.3 / width, screen (height - 0.32) / height left noenhanced font font_key
set multiplot
mark(i) = 4 + 2 * ((series_variant[i] - 1) % 5)
set logscale x
set format x "10^{%T}"
set xlabel "sample size n"
set lmargin at screen 0.075; set rmargin at screen 0.375; set tmargin at screen 0.90; set bmargin at screen 0.16
set logscale y
set format y "10^{%T}"
set yrange [0.5:*]
set ylabel "n Cov / Γ_{MLE}, worst direction"
unset key
plot for [i = 1:S] series(i) using (column("n")):(column("inefficiency_max")) with lines linecolor rgb loss_colour(L(i)) linewidth 1.2 notitle, \
     for [i = 1:S] series(i) using (column("n")):(column("montecarlo_inefficiency")):(2 * column("montecarlo_inefficiency_se")) with yerrorbars \
        linecolor rgb loss_colour(L(i)) pointtype mark(i) pointsize 0.55 notitle
unset label
set lmargin at screen 0.47; set rmargin at screen 0.77
unset logscale y
set format y "%g"
set yrange [0.6:1.02]
set ylabel "coverage of the 95 % interval"
set key at screen 0.785, screen 0.9 left top Left reverse vertical noenhanced samplen 1.2 font font_key
plot 0.95 with lines linecolor rgb "#909090" linewidth 1 title "nominal", \
     for [i = 1:S] series(i) using (column("n")):(column("coverage")):(2 * column("coverage_se")) with yerrorlines \
        linecolor rgb loss_colour(L(i)) linewidth 0.8 pointtype mark(i) pointsize 0.55 title series_title(i)
unset multiplot
