# Spectral profile: how the variance of each score is spread over the eigenvalues of the generator.
# x: n
# arrays: profile/eigenvalues profile/weights profile/remainder
# size: 17 11.5
#
# Impulses of `profile/weights` (squared coefficients of a parameter's score on the eigenfunctions) at `profile/eigenvalues`, down to a
# millionth of the largest; columns are cells (three of them, from the first to the last), rows the first and the last parameter.  Maximum
# likelihood has all weight on one eigenvalue.  A profile on one eigenvalue means efficiency; weight on eigenvalues far apart is what costs.
# Arrows begin at the last eigenvalue that was computed and are as high as `profile/remainder`, the weight beyond it.  Losses stand a little
# beside each other, so that equal eigenvalues are seen.

K = profile_weights_2
cells = V > 3 ? room_for(3) : room_for(V)
picked(k) = cells < 2 ? 1 : 1 + int((V - 1.0) * (k - 1) / (cells - 1) + 0.5)

# Eigenvalues as E[K (record + records (file - 1)) + k + 1]
array E[K * records * files]
do for [k = 1:|E|] { E[k] = NaN }
do for [f = 1:files] {
    stats array_file(f, "profile_eigenvalues") using (E[K * (int(column("record")) + records * (f - 1)) + int(column("index1")) + 1] = column("value"), 1) nooutput
}
array R[files * records * profile_remainder_1]
do for [k = 1:|R|] { R[k] = NaN }
remainder_at(f, r, j) = ((f - 1) * records + int(r)) * profile_remainder_1 + int(j) + 1
do for [f = 1:files] {
    stats array_file(f, "profile_remainder") using (R[remainder_at(f, column("record"), column("index1"))] = column("value"), 1) nooutput
}
array record_of[S]
array last_of[S]
array m_of[V]
array names_of[V]
array present[losses]
do for [k = 1:losses] { present[k] = 0 }
m = 1
do for [i = 1:S] {
    stats series(i) using (record_of[i] = int(column("record")), free = strcol("parameters"), m_now = int(column("m")), 1) nooutput
    free = free[strstrt(free, "free=") + 5:]
    do for [k = 1:m_now - 1] { bar = strstrt(free, "/"); if (bar) { free = free[:bar - 1] . " " . free[bar + 1:] } }
    m_of[series_variant[i]] = m_now
    names_of[series_variant[i]] = free
    m = m_now > m ? m_now : m
    base = K * (record_of[i] + records * (series_file[i] - 1))
    last_of[i] = NaN
    do for [k = 1:K] { if (E[base + k] > 0) { last_of[i] = E[base + k] } }
    if (last_of[i] > 0) { present[series_loss[i]] = 1 }
}
down = m > 1 && !txt ? 2 : 1
# Cell and score in one line if they fit, else in two.
score_of(v, j) = "score of " . word(names_of[v], j)
widest = 0
do for [k = 1:cells] { v = picked(k); do for [j = 1:m_of[v]] { n = strlen(variant[v] . ", " . score_of(v, j)); widest = n > widest ? n : widest } }
two = V > 1 && widest > letters_over(panel_w(cells))
page_top = page_top - (two ? 0.8 : 0.45)
row_gutter = row_gutter + (two ? 0.45 : 0.1)
per_row = key_columns(longest_loss)
eval page_open(losses + 1)
eigenvalue(i) = E[K * (int(column("record")) + records * (series_file[i] - 1)) + int(column("index2")) + 1]
mine(i) = int(column("record")) == record_of[i] && int(column("index1")) == parameter && column("value") > 0 ? column("value") : NaN
here(i) = series_variant[i] == v && (parameter == 0 || m_of[v] > 1)
weights(i) = array_file(series_file[i], "profile_weights")
beyond(i) = R[remainder_at(series_file[i], record_of[i], parameter)]
is_beyond(i) = here(i) && beyond(i) > floor_at
more_beyond = 0
# A hundredth of the axis for each loss, less where there are many.
apart = losses > 5 ? 0.05 / losses : 0.01
shift(i) = (right / left) ** (apart * (series_loss[i] - 0.5 * (losses + 1)))
moved(i) = eigenvalue(i) * shift(i)
first_row(i) = int(column("record")) == record_of[i] && int(column("index1")) == parameter && int(column("index2")) == 0
do for [row = 1:down] {
    do for [k = 1:cells] {
        v = picked(k)
        parameter = row == 1 ? 0 : m_of[v] - 1
        # A cell of one parameter has no second row.
        if (row == 1 || m_of[v] > 1) {
            eval panel((row - 1) * cells + k, cells, down)
            eval panel_titles(two ? variant[v] : "", (two || V == 1 ? "" : variant[v] . ", ") . score_of(v, parameter + 1))
            eval forget
            do for [i = 1:S] { if (here(i)) { stats weights(i) using (seen(mine(i))) nooutput } }
            top = most > 0 ? most : 1
            floor_at = 1e-6 * top
            eval forget
            do for [i = 1:S] { if (here(i)) { stats weights(i) using (mine(i) > floor_at ? seen(eigenvalue(i)) : 1) nooutput } }
            do for [i = 1:S] { if (is_beyond(i)) { x = seen(last_of[i]); more_beyond = 1 } }
            left = least <= most ? 0.5 * least : 0.1
            right = most > 0 ? 2 * most : 10
            eval log_axis("x", left, right)
            eval log_axis("y", floor_at, 3 * top)
            set xlabel row == down || m_of[v] == 1 ? "eigenvalue of the generator" : ""
            set ylabel k == 1 ? "weight in the variance of the score" : ""
            plot for [i = 1:S] weights(i) using (here(i) && mine(i) > floor_at ? moved(i) : NaN):(mine(i)) with impulses \
                    linecolor rgb loss_colour(L(i)) linewidth 1.2, \
                 for [i = 1:S] weights(i) using (here(i) && mine(i) > floor_at ? moved(i) : NaN):(mine(i)) with points \
                    linecolor rgb loss_colour(L(i)) pointtype loss_mark(L(i)) pointsize 0.8 * mark_size, \
                 for [i = 1:S] weights(i) using (is_beyond(i) && first_row(i) ? last_of[i] * shift(i) : NaN):(beyond(i)):(right - last_of[i] * shift(i)):(0) \
                    with vectors @arrow_head linecolor rgb loss_colour(L(i)) linewidth bar_width
        }
    }
}
eval page_key
plot NaN notitle, \
     for [k = 1:losses] for [j = 1:present[k]] keyentry with linespoints linecolor rgb loss_colour(loss[k]) linewidth 1.2 \
        pointtype loss_mark(loss[k]) pointsize 0.8 * mark_size title loss_title(loss[k]), \
     for [k = 1:more_beyond] keyentry with dots linecolor rgb "white" title "→ weight beyond the last pair"
eval page_close
