# Lines "label TAB variant TAB time TAB relative error" of several rounds.  A row for each label: fastest, median and
# range of its times, its largest error, and how many times the time of each label that begins with "ours" it takes,
# fastest rounds of both.  Of several variants the most accurate.
function insert(k, t,    i) {
    for (i = count[k]++; i > 0 && time[k, i - 1] > t; i--) time[k, i] = time[k, i - 1]
    time[k, i] = t
}
function size(x) { return x < 0 ? -x : x }
function median(k,    n) {
    n = count[k]
    return n % 2 ? time[k, (n - 1) / 2] : (time[k, n / 2 - 1] + time[k, n / 2]) / 2
}
{
    k = $1 SUBSEP $2
    if (!(k in count)) { of[k] = $1; variant[k] = $2; key[++keys] = k }
    if (!($1 in seen)) { seen[$1]; label[++labels] = $1 }
    insert(k, $3 + 0)
    if (size($4 + 0) > worst[k] + 0) worst[k] = size($4 + 0)
}
END {
    for (i = 1; i <= keys; i++) {
        k = key[i]
        if (!(of[k] in best) || worst[k] < worst[best[of[k]]]) best[of[k]] = k
    }
    printf "  %-40s %9s %9s   %-21s %8s", "", "fastest", "median", "range, " unit, "error"
    for (i = 1; i <= labels; i++) if (label[i] ~ /^ours/) { ours[++mine] = label[i]; printf "   / %s", label[i] }
    print ""
    for (i = 1; i <= labels; i++) {
        k = best[label[i]]
        name = label[i] (variant[k] == "" ? "" : ", " variant[k])
        range = sprintf("%.4g .. %.4g", time[k, 0], time[k, count[k] - 1])
        printf "  %-40s %9.4g %9.4g   %-21s %8.1e", name, time[k, 0], median(k), range, worst[k]
        for (j = 1; j <= mine && label[i] !~ /^ours/; j++)
            printf "   %*.1f", length("/ " ours[j]), time[k, 0] / time[best[ours[j]], 0]
        print ""
    }
}
