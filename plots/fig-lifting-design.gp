# Lifted score matching by schedule and draws a datum, against denoising and score matching.
# x: axis
# columns: inefficiency_max points
# size: 17 8.5
#
# Of `cells`: left inefficiency_max; middle inefficiency_max times points, at how many points a pass of a fit looks until it knows as much as
# likelihood knows from one datum; right relaxation_time.  Colours: printed design, tapered design, either with the schedule that is best for one draw and m = 3; the darker the curve the more
# draws; likelihood itself is not drawn.

across = room_for(3)
page_top = page_top - 0.45
draws(l) = otherwise(option(l, "draws"), "1")
scheduled(l) = strlen(option(l, "decay") . option(l, "power") . option(l, "range") . option(l, "beta-max") . option(l, "speed")) > 0
tapered(l) = option(l, "design") eq "tapered"
shades(l) = tapered(l) ? (scheduled(l) ? "#B9B2DC #7B6FB0 #41356E" : "#7FCDB0 #009E73 #005541") : scheduled(l) ? "#E9B8D3 #CC79A7 #8A3A66" : "#F2A97A #D55E00 #7C3700"
rank(l) = draws(l) eq "1" ? 1 : draws(l) eq "inf" ? 3 : 2
lifting(l) = is_a(l, "lifted")
C(l) = lifting(l) ? word(shades(l), rank(l)) : !is_a(l, "denoising") ? loss_colour(l) : strlen(option(l, "sigma-max")) ? word("#EBCB6B #E69F00 #8C6100", rank(l)) : option(l, "sigma") eq "" ? "#56B4E9" : "#7A3300"
mark(l) = !lifting(l) ? (is_a(l, "denoising") ? (strlen(option(l, "sigma-max")) ? 13 : 3) : 5) : tapered(l) ? (scheduled(l) ? 15 : 9) : scheduled(l) ? 11 : 7
how(l) = draws(l) eq "1" ? "1 draw" : draws(l) eq "inf" ? "all draws" : draws(l) . " draws"
name_of(l) = !lifting(l) ? loss_title(l) : (tapered(l) ? "tapered" : "printed") . (scheduled(l) ? ", best schedule" : "") . ", " . how(l)
drawn(i) = !is_a(L(i), "mle")
per_row = key_columns(33)
curves = int(sum [k = 1:leads] drawn(lead[k]))
eval page_open(curves)

heading(side) = side == 1 ? "inefficiency, worst direction" : side == 2 ? "inefficiency × points a datum" : "relaxation time, own time"
worth(side) = side == 1 ? column("inefficiency_max") : side == 2 ? column("inefficiency_max") * column("points") : column("relaxation_time")
do for [side = 1:(across < 3 ? 1 : 3)] {
    eval panel(side, across, 1)
    eval panel_title(heading(side))
    eval forget
    do for [i = 1:S] { if (drawn(i)) { stats series(i) using (seen(worth(side))) nooutput } }
    eval x_axis
    eval log_axis("y", 0.7 * least, 1.5 * most)
    set xlabel side == 2 || across < 3 ? x_label : x_key noenhanced
    plot for [i = 1:S] series(i) using (x_of(i)):(drawn(i) ? worth(side) : NaN) with linespoints linecolor rgb C(L(i)) linewidth curve_width \
        dashtype rank(L(i)) pointtype mark(L(i)) pointsize mark_size
}

eval page_key
plot NaN notitle, \
     for [k = 1:leads] keyentry with linespoints linecolor rgb C(L(lead[k])) linewidth curve_width dashtype rank(L(lead[k])) pointtype mark(L(lead[k])) \
        pointsize mark_size title drawn(lead[k]) ? name_of(L(lead[k])) : ""
eval page_close
