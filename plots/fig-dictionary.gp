# Inefficiency against relaxation time for every cell and loss: the figure of the dictionary.
# x: any
# columns: relaxation_time
# size: 17 11
#
# Of `cells`: inefficiency_max against relaxation_time (marks: colour the loss, shape the family), montecarlo_inefficiency with two standard
# errors each way where the cell is asymptotic (bars at the same place).  Dotted: the Kantorovich form (1+t)^2/(4t), what one eigenvalue
# 1/t far below the rest, at 1, can cost at most when weights are worst; losses without an upper end of the spectrum may lie above it.

set label page_caption at screen 0.3 / width, screen 0.28 / height left noenhanced textcolor rgb grey font font_tiny
set label claim at screen 0.3 / width, screen (height - 0.32) / height left noenhanced font font_key
set lmargin at screen 0.095; set rmargin at screen 0.73; set tmargin at screen 0.93; set bmargin at screen 0.135
set logscale xy
set format x "10^{%T}"; set format y "10^{%T}"
set xlabel "relaxation time 1/gap of the paired dynamics, in the generator's own time"
set ylabel "inefficiency: n Cov / Γ_{MLE} in the worst direction"
set key at screen 0.745, screen 0.93 left top Left reverse noenhanced samplen 1 spacing 1.15 font font_key
set yrange [0.8:*]
asymptotic_mc(i) = column("asymptotic") == 1 ? column("montecarlo_inefficiency") : NaN
kantorovich(t) = t < 1 ? NaN : (1 + t)**2 / (4 * t)
set samples 300
F(i) = family[series_family[i]]
plot kantorovich(x) with lines linecolor rgb "#808080" linewidth 1 dashtype 3 title "Kantorovich form", \
     for [i = 1:S] series(i) using (column("relaxation_time")):(asymptotic_mc(i)):(2 * column("montecarlo_inefficiency_se")) with yerrorbars \
        linecolor rgb loss_colour(L(i)) linewidth 1 pointtype 0 notitle, \
     for [i = 1:S] series(i) using (column("relaxation_time")):(column("inefficiency_max")) with points \
        linecolor rgb loss_colour(L(i)) pointtype family_mark(F(i)) pointsize 0.55 notitle, \
     for [k = 1:losses] NaN with points linecolor rgb loss_colour(loss[k]) pointtype 7 pointsize 0.6 title loss_title(loss[k]), \
     for [k = 1:families] NaN with points linecolor rgb "#404040" pointtype family_mark(family[k]) pointsize 0.6 title family[k]
