#!/bin/bash
# The Open OnDemand app folder: its templates rendered by ruby, its scripts run with what Open OnDemand exports, the
# server asked as its proxy and its view ask it.    tests/environment/ondemand.sh --prefix PREFIX
set -u
prefix=$2
app=$prefix/share/envbundle/ondemand
work=$(mktemp -d)
passed=0 failed=0 pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT
check() { # LABEL COMMAND...
  local label=$1
  shift
  if "$@"; then passed=$((passed + 1)); echo "ok      $label"; else failed=$((failed + 1)); echo "FAILED  $label"; fi
}
render() {
  ruby -rerb -rostruct -e '
    context = OpenStruct.new(prefix: ARGV[1], working_dir: ARGV[2], num_cores: "4", num_gpus: "2",
                             host: ENV["host"], port: ENV["port"], token_entry: ENV["token_entry"])
    # submit.yml and the view see the values themselves, the scripts see them through `context`.
    scope = context.instance_eval { binding }
    scope.local_variable_set(:context, context)
    print ERB.new(File.read(ARGV[0]), trim_mode: "-").result(scope)' "$@"
}
for name in before script after; do
  render "$app/template/$name.sh.erb" "$prefix" "$work" > "$work/$name.sh" || failed=$((failed + 1))
done
render "$app/submit.yml.erb" "$prefix" "" > "$work/submit.yml"
check "submit.yml is YAML and asks for the GPUs" ruby -ryaml -e '
  native = YAML.load_file(ARGV[0])["script"]["native"]
  exit native.include?("--gres=gpu:2") && native.include?("--cpus-per-task=4")' "$work/submit.yml"
check "manifest and form are YAML" ruby -ryaml -e 'ARGV.each { |file| YAML.load_file(file).fetch(file =~ /form/ ? "form" : "role") }' \
  "$app/manifest.yml" "$app/form.yml"
check "the scripts are sound" shellcheck -s bash -e SC2154,SC2155,SC2034 "$work"/before.sh "$work"/script.sh "$work"/after.sh

find_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'; }
create_passwd() { tr -cd 'a-zA-Z0-9' < /dev/urandom | head -c "$1"; }
wait_until_port_used() {
  local i
  for i in $(seq "$2"); do
    (exec 3<> "/dev/tcp/127.0.0.1/${1##*:}") 2>/dev/null && return 0
    sleep 1
  done
  return 1
}
clean_up() { return "$1"; }
cd "$work" || exit 1
export host=127.0.0.1 HOME=$work
# shellcheck disable=SC1091
. ./before.sh
check "the token's file is 0600" test "$(stat -c %a token)" = 600
extra=
test "$(id -u)" != 0 || extra=--allow-root # Jupyter refuses root; a job never is
# On loopback: a test opens nothing to the network.
sed -i "s/--ip 0.0.0.0/--ip 127.0.0.1/; s|^  -- |  -- $extra |" script.sh
bash script.sh > log 2>&1 &
pid=$!
# shellcheck disable=SC1091
check "after.sh sees the server" . ./after.sh
base=http://127.0.0.1:$port/node/$host/$port
status() { curl -s -m 20 --noproxy '*' -o /dev/null -w '%{http_code}' "$@"; }
check "it answers below /node/HOST/PORT" test "$(status -H "Authorization: token $token_entry" "$base/api/contents")" = 200
check "not without the token" test "$(status "$base/api/contents")" = 403
render "$app/view.html.erb" "$prefix" "" > view.html
action=$(sed -n 's/.*action="\([^"]*\)".*/\1/p' view.html)
check "the view's form leads to JupyterLab below its path" test "$action" = "/node/$host/$port/lab"
word=$(sed -n 's/.*name="token" value="\([^"]*\)".*/\1/p' view.html)
check "the view's form opens it" test "$(status -c jar "http://127.0.0.1:$port$action?token=$word")" = 200
check "its cookie keeps it open" test "$(status -b jar "$base/api/contents")" = 200
check "a wrong word does not open it" test "$(status "http://127.0.0.1:$port$action?token=wrong")" = 302
# shellcheck disable=SC2016
check "no command line holds the token" sh -c '! cat /proc/[0-9]*/cmdline 2>/dev/null | grep -aqF -f token'
kill "$pid"
for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
check "it ends on SIGTERM" bash -c "! kill -0 $pid 2>/dev/null"
wait "$pid" 2>/dev/null
pid=
echo "$passed passed, $failed failed"
test "$failed" = 0 || { tail -20 log; exit 1; }
