# shellcheck shell=sh disable=SC2154,SC2034,SC2086
rounds=${ROUNDS:-31}
echo "gap with enclosure, bimodal(a=3): milliseconds a call"
for round in $(seq "$rounds"); do once gap $pin "$bin/gap" 60; done
printf '  median %.3f   (%s)\n' "$(median "$work/gap")" "$(spread "$work/gap")"
