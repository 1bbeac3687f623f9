# Relaxation time and inefficiency against a grid key, and against each other.
# x: axis
# columns: inefficiency_max
# size: 17 8.5
#
# Of `cells`: relaxation_time (left), inefficiency_max (middle, with two of inefficiency_error each way where that shows), and
# the second against the first (right: one curve a loss, from small to large values of the key).  Curves that differ by
# other keys (the dimension) are told apart by the dash.

across = room_for(3)
page_top = page_top - 0.45
relaxation(i) = column("relaxation_time")
loss_of(i) = column("inefficiency_max")
error_of(i) = column("inefficiency_error")
plain_bar(i) = error_of(i) > 0.01 * loss_of(i) ? bar_length(loss_of(i), error_of(i)) : NaN
dash(i) = series_variant[i]
# d has no place in the text where it is 1.
name_of(v) = strlen(variant[v]) ? variant[v] : V > 1 && (sum [k = 1:V] (strstrt(variant[k], "d=") == 1)) ? "d=1" : family[1]
ranged = "do for [i = 1:S] { stats series(i) using "
eval forget
eval ranged . "(seen(relaxation(i))) nooutput }"
slow = most; fast = least
eval forget
eval ranged . "(seen(loss_of(i))) nooutput }"
low = least < 0.8 ? 0.8 * least : 0.8
high = 1.5 * most
per_row = key_columns(longest_loss)
eval page_open(losses + (V > 1 ? V : 0))

eval panel(1, across, 1)
eval panel_title("relaxation time 1/gap")
eval x_axis
eval log_axis("y", 0.7 * fast, 1.5 * slow)
set xlabel x_key
plot for [i = 1:S] series(i) using (x_of(i)):(relaxation(i)) with linespoints linecolor rgb loss_colour(L(i)) linewidth curve_width dashtype dash(i) \
    pointtype loss_mark(L(i)) pointsize mark_size
if (across > 1) {
    eval panel(2, across, 1)
    eval panel_title("inefficiency")
    eval x_axis
    eval log_axis("y", low, high)
    set xlabel x_label
    plot for [i = 1:S] series(i) using (x_of(i)):(loss_of(i)) with linespoints linecolor rgb loss_colour(L(i)) linewidth curve_width dashtype dash(i) \
            pointtype loss_mark(L(i)) pointsize mark_size, \
         for [i = 1:S] series(i) using (x_of(i)):(bar_from(loss_of(i), error_of(i))):(0):(plain_bar(i)) with vectors nohead \
            linecolor rgb loss_colour(L(i)) linewidth bar_width
    eval panel(3, across, 1)
    eval panel_title("one against the other")
    eval log_axis("x", 0.7 * fast, 1.5 * slow)
    eval log_axis("y", low, high)
    set xlabel "relaxation time 1/gap"
    plot for [i = 1:S] series(i) using (relaxation(i)):(loss_of(i)) with linespoints linecolor rgb loss_colour(L(i)) linewidth curve_width dashtype dash(i) \
        pointtype loss_mark(L(i)) pointsize mark_size
}

eval page_key
plot NaN notitle, \
     for [k = 1:losses] keyentry with linespoints linecolor rgb loss_colour(loss[k]) linewidth curve_width pointtype loss_mark(loss[k]) \
        pointsize mark_size title loss_title(loss[k]), \
     for [v = 1:V] keyentry with lines linecolor rgb grey linewidth curve_width dashtype v title V > 1 ? name_of(v) : ""
eval page_close
