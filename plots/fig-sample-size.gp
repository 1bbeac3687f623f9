# How the Monte Carlo variance approaches its asymptotic value, and what the intervals are worth, against the sample size.
# x: n
# columns: montecarlo_inefficiency
# size: 17 9
#
# Left, of `cells`: montecarlo_inefficiency with two standard errors each way against n; inefficiency_max (lines).
# Right: coverage of the 95 % sandwich interval with two standard errors each way; the nominal level (grey).

set multiplot
set logscale x
set format x "10^{%T}"
set xlabel "sample size n"
set lmargin at screen 0.09; set rmargin at screen 0.48; set tmargin at screen 0.90; set bmargin at screen 0.36
set logscale y
set ylabel "n Cov / Γ_{MLE} in the worst direction"
unset key
plot for [i = 1:S] series(i) using (column("n")):(column("inefficiency_max")) with lines linecolor rgb loss_colour(L(i)) linewidth 1.6 notitle, \
     for [i = 1:S] series(i) using (column("n")):(column("montecarlo_inefficiency")):(2 * column("montecarlo_inefficiency_se")) with yerrorbars \
        linecolor rgb loss_colour(L(i)) pointtype family_mark(family[series_family[i]]) pointsize 0.55 notitle
set lmargin at screen 0.59; set rmargin at screen 0.98
unset logscale y
unset label 98
set format y "%g"
set yrange [0:1.02]
set ylabel "coverage of the 95 % interval (least parameter)"
set key at screen 0.5, 0.05 center bottom horizontal maxcols 2 noenhanced samplen 1.5
plot 0.95 with lines linecolor rgb "#909090" linewidth 1 title "nominal", \
     for [i = 1:S] series(i) using (column("n")):(column("coverage")):(2 * column("coverage_se")) with yerrorlines \
        linecolor rgb loss_colour(L(i)) pointtype family_mark(family[series_family[i]]) pointsize 0.55 title series_title(i)
unset multiplot
