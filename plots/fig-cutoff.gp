# Total variation against time in units of the mixing time, a curve for each value of the grid key.
# x: axis
# columns: mixing_time
# arrays: tv/time tv/distance
# size: 17 8.5
#
# `tv/distance` over `tv/time` / mixing_time; panels are the other keys.  With a cutoff the curves steepen towards a step at 1 as the key
# grows, without one they stay as they are.  Curves are the darker the larger the key, at most six of them; the dash is that of the loss.

across = V > 1 ? room_for(V > 3 ? 3 : V) : 1
if (V > 1) { page_top = page_top - 0.45 }
# Times and mixing times as T[points (record + records (file - 1)) + index + 1], M[record + records (file - 1) + 1].
points_of = tv_time_1
array T[points_of * records * files]
array M[records * files]
array X[records * files]
array home[records * files]
do for [k = 1:|T|] { T[k] = NaN }
do for [k = 1:|M|] { M[k] = NaN; X[k] = NaN; home[k] = 0 }
do for [f = 1:files] {
    stats array_file(f, "tv_time") using (T[points_of * (int(column("record")) + records * (f - 1)) + int(column("index1")) + 1] = column("value"), 1) nooutput
}
place_of(i) = int(column("record")) + records * (series_file[i] - 1) + 1
do for [i = 1:S] {
    stats series(i) using (at = place_of(i), M[at] = column("mixing_time"), X[at] = x_of(i), home[at] = i, 1) nooutput
}
# The different values of the key, ascending.
values = 0
array value[|X| + 1]
last = -1e300
do for [round = 1:|X|] {
    lowest = 1e300
    do for [k = 1:|X|] { if (home[k] > 0 && X[k] > last && X[k] < lowest) { lowest = X[k] } }
    if (lowest < 1e300) { values = values + 1; value[values] = lowest; last = lowest }
}
shown = values > 6 ? 6 : values
picked(k) = shown < 2 ? 1 : 1 + int((values - 1.0) * (k - 1) / (shown - 1) + 0.5)
shades = "#9ECAE1 #6BAED6 #3787C0 #1D5FA0 #0B3C78 #04204A"
shade(k) = word(shades, shown < 2 ? 4 : 1 + int(5.0 * (k - 1) / (shown - 1) + 0.5))
per_row = key_columns(shown > 3 ? 20 : longest_loss)
eval page_open(shown + (losses > 1 ? losses : 0))
set xrange [0:3]
set yrange [0:1.02]
set xtics 0.5
set ytics 0.25
set format "%g"
at_time(f) = T[points_of * (int(column("record")) + records * (f - 1)) + int(column("index1")) + 1] / M[int(column("record")) + records * (f - 1) + 1]
mine(f, k, j, v) = (at = int(column("record")) + records * (f - 1) + 1, home[at] > 0 && X[at] == value[picked(k)] && series_variant[home[at]] == v && \
    series_loss[home[at]] == j ? column("value") : NaN)
do for [v = 1:across] {
    eval panel(v, across, 1)
    if (V > 1) { eval panel_title(variant[v]) }
    set xlabel "time / mixing time"
    set ylabel v == 1 ? "total variation distance" : ""
    plot for [f = 1:files] for [j = 1:losses] for [k = 1:shown] array_file(f, "tv_distance") using (at_time(f)):(mine(f, k, j, v)) with lines \
        linecolor rgb shade(k) linewidth curve_width dashtype loss_dash(loss[j])
}
eval page_key
plot NaN notitle, \
     for [k = 1:shown] keyentry with lines linecolor rgb shade(k) linewidth curve_width title sprintf("%s = %g", x_key, value[picked(k)]), \
     for [j = 1:(losses > 1 ? losses : 0)] keyentry with lines linecolor rgb grey linewidth curve_width dashtype loss_dash(loss[j]) title loss_title(loss[j])
eval page_close
