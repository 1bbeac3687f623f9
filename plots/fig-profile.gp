# Spectral profile: how the variance of each score is spread over the eigenvalues of the generator.
# x: n
# arrays: profile/eigenvalues profile/weights
# size: 17 11.5
#
# Impulses of `profile/weights` (squared coefficients of a parameter's score on the eigenfunctions) at `profile/eigenvalues`, down to a
# millionth of the largest; columns are cells (three of them, from the first to the last), rows the first and the last parameter.  A profile
# on one eigenvalue means efficiency; weight on eigenvalues far apart is what costs.

m = profile_weights_1
K = profile_weights_2
cells = V > 3 ? room_for(3) : room_for(V)
down = m > 1 && !txt ? 2 : 1
page_top = page_top - 0.45
row_gutter = row_gutter + 0.1
picked(k) = cells < 2 ? 1 : 1 + int((V - 1.0) * (k - 1) / (cells - 1) + 0.5)

# Eigenvalues as E[K (record + records (file - 1)) + k + 1]
array E[K * records * files]
do for [k = 1:|E|] { E[k] = NaN }
do for [f = 1:files] {
    stats array_file(f, "profile_eigenvalues") using (E[K * (int(column("record")) + records * (f - 1)) + int(column("index1")) + 1] = column("value"), 1) nooutput
}
array record_of[S]
array present[losses]
do for [k = 1:losses] { present[k] = 0 }
do for [i = 1:S] {
    stats series(i) using (record_of[i] = int(column("record")), names = strcol("parameters"), 1) nooutput
    if (E[K * (record_of[i] + records * (series_file[i] - 1)) + 1] > 0) { present[series_loss[i]] = 1 }
}
names = names[strstrt(names, "free=") + 5:]
do for [k = 1:m - 1] { bar = strstrt(names, "/"); if (bar) { names = names[:bar - 1] . " " . names[bar + 1:] } }
per_row = key_columns(28)
eval page_open(int(sum [k = 1:losses] present[k]))
eigenvalue(i) = E[K * (int(column("record")) + records * (series_file[i] - 1)) + int(column("index2")) + 1]
mine(i) = int(column("record")) == record_of[i] && int(column("index1")) == parameter && column("value") > 0 ? column("value") : NaN
here(i) = series_variant[i] == v
weights(i) = array_file(series_file[i], "profile_weights")
set logscale x
do for [row = 1:down] {
    parameter = row == 1 ? 0 : m - 1
    do for [k = 1:cells] {
        v = picked(k)
        eval panel((row - 1) * cells + k, cells, down)
        eval panel_title((V > 1 ? variant[v] . ", " : "") . "score of " . word(names, parameter + 1))
        eval forget
        do for [i = 1:S] { if (here(i)) { stats weights(i) using (seen(mine(i))) nooutput } }
        top = most > 0 ? most : 1
        floor_at = 1e-6 * top
        eval forget
        eval forget
        do for [i = 1:S] { if (here(i)) { stats weights(i) using (mine(i) > floor_at ? seen(eigenvalue(i)) : 1) nooutput } }
        eval log_axis("x", least < most ? 0.5 * least : 0.1, most > 0 ? 2 * most : 10)
        eval log_axis("y", floor_at, 3 * top)
        set xlabel row == down ? "eigenvalue of the generator" : ""
        set ylabel k == 1 ? "weight in the variance of the score" : ""
        plot for [i = 1:S] weights(i) using (here(i) && mine(i) > floor_at ? eigenvalue(i) : NaN):(mine(i)) with impulses \
                linecolor rgb loss_colour(L(i)) linewidth 1.2, \
             for [i = 1:S] weights(i) using (here(i) && mine(i) > floor_at ? eigenvalue(i) : NaN):(mine(i)) with points \
                linecolor rgb loss_colour(L(i)) pointtype loss_mark(L(i)) pointsize 0.8 * mark_size
    }
}
eval page_key
plot NaN notitle, \
     for [k = 1:losses] for [j = 1:present[k]] keyentry with impulses linecolor rgb loss_colour(loss[k]) linewidth 3 title loss_title(loss[k])
eval page_close
