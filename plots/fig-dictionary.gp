# Inefficiency against relaxation time, every cell and loss of one or several results: the figure of the dictionary.
# x: any
# columns: relaxation_time inefficiency_max
# size: 17 11
#
# Of `cells`: inefficiency_max against relaxation_time, on sites relaxation_sweeps (marks: colour the loss, shape the family, filled on sites; thin lines join the cells of a grid),
# montecarlo_inefficiency with two standard errors each way at the same place, where the cell is asymptotic (dots).  The axis goes up to the
# power of ten that no more than one value in fifty exceeds: arrows stand for these.  Dotted: the Kantorovich form (1+k)^2/(4k),
# k = relaxation time x 1: an upper bound for generators whose spectrum ends at 1, a guide for all others.

edge_right = txt ? 6.2 : 5.0
short = ""
array group[losses]
groups = 0
do for [k = 1:losses] {
    if (strstrt(short, "<" . loss_short(loss[k]) . ">") == 0) {
        short = short . "<" . loss_short(loss[k]) . ">"
        groups = groups + 1
        group[groups] = loss[k]
    }
}
eval page_open(0)

# Clocks differ between rows on sites: their time is counted in events a site.
time_of(k) = column("relaxation_sweeps") > 0 ? column("relaxation_sweeps") : column("relaxation_time")
eval forget
do for [k = 1:leads] { stats series(lead[k]) using (seen(time_of(k))) nooutput }
left = 0.6 * least
right = 1.7 * most
eval forget
array above[301]
do for [e = 1:301] { above[e] = 0 }
exponent_of(v) = v < 10 ? 1 : v < 1e300 ? 1 + int(floor(log10(v))) : 301
counted(v) = (above[exponent_of(v)] = above[exponent_of(v)] + 1, seen(v))
do for [k = 1:leads] { stats series(lead[k]) using (column("inefficiency_max") > 0 ? counted(column("inefficiency_max")) : 1) nooutput }
values = int(sum [e = 1:301] above[e])
e = 301
over = 0
while (e > 1 && 50 * (over + above[e]) <= values) { over = over + above[e]; e = e - 1 }
low = 0.8
high = over > 0 ? 10.0 ** e : 1.7 * most

inside(v) = v < high ? v : NaN
exact(k) = inside(column("inefficiency_max"))
sampled(k) = column("asymptotic") == 1 ? inside(column("montecarlo_inefficiency")) : NaN
error_of(k) = column("montecarlo_inefficiency_se")
beyond(k) = column("inefficiency_max") >= high ? arrow_foot(low, high) : NaN
kantorovich(k) = k < 1 ? NaN : (1 + k) ** 2 / (4 * k)
C(k) = loss_colour(L(lead[k]))
mark_of(k) = family_mark(family[series_family[lead[k]]])

eval panel(1, 1, 1)
eval log_axis("x", left, right)
eval log_axis("y", low, high)
set xlabel has_relaxation_sweeps ? "relaxation time 1/gap of the paired process: in its own time, on sites in sweeps" : "relaxation time 1/gap of the paired process, in its own time"
set ylabel "inefficiency against maximum likelihood, worst direction"
set grid xtics ytics
set samples 400
plot kantorovich(x) with lines linecolor rgb grey linewidth 1.2 dashtype 3, \
     for [k = 1:leads] series(lead[k]) using (time_of(k)):(exact(k)) with lines linecolor rgb C(k) linewidth 0.35, \
     for [i = 1:S] series(i) using (time_of(i)):(bar_from(sampled(i), error_of(i))):(0):(bar_length(sampled(i), error_of(i))) with vectors nohead \
        linecolor rgb loss_colour(L(i)) linewidth bar_width, \
     for [i = 1:S] series(i) using (time_of(i)):(sampled(i)) with points linecolor rgb loss_colour(L(i)) pointtype 7 pointsize 0.2, \
     for [k = 1:leads] series(lead[k]) using (time_of(k)):(exact(k)) with points linecolor rgb C(k) linewidth 1.1 pointtype mark_of(k) pointsize 1.3 * mark_size, \
     for [k = 1:leads] series(lead[k]) using (time_of(k)):(beyond(k)):(0):(arrow_length(low, high)) with vectors @arrow_head linecolor rgb C(k) linewidth bar_width

eval page_key
set key at screen (width - edge_right + 0.2) / width, screen page_top / height left top vertical maxcols 1 spacing (txt ? 1 : 1.25) samplen (txt ? 1 : 1.4) width 0
plot NaN notitle, \
     for [k = 1:groups] keyentry with lines linecolor rgb loss_colour(group[k]) linewidth 4 title loss_short(group[k]), \
     for [k = 1:families] keyentry with points linecolor rgb "#303030" linewidth 1.1 pointtype family_mark(family[k]) pointsize 1.3 * mark_size title family[k], \
     for [k = 1:has_montecarlo_inefficiency] keyentry with yerrorbars linecolor rgb grey linewidth bar_width pointtype 7 pointsize 0.3 \
        title "Monte Carlo ± 2 se", \
     for [k = 1:has_montecarlo_inefficiency] keyentry with dots linecolor rgb "white" title "(asymptotic cells alone)", \
     for [k = 1:(over > 0)] keyentry with dots linecolor rgb "white" title arrow_title, \
     for [k = 1:1] keyentry with lines linecolor rgb grey linewidth 1.2 dashtype 3 title "Kantorovich form for λ ≤ 1"
eval page_close
