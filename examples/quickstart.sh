#!/bin/sh
# The whole road in one command: builds the gateway, starts it in development mode (loopback, its own
# token issuer, a provider that echoes), fetches a token and asks it in four dialects, plain and streamed.
#
# On a terminal the gateway then runs until Ctrl-C; otherwise it is stopped and the script ends with 0.
# AIGW_PORT chooses another port than 8787.
set -eu
cd "$(dirname "$0")/.."
port=${AIGW_PORT:-8787}
base=http://127.0.0.1:$port

echo "== building (the first time takes a minute)"
sh pkg/deps.sh build
[ -f build/build.ninja ] || cmake --preset release -DAIGW_BUILD_TESTS=OFF -DAIGW_BUILD_EXAMPLES=OFF \
    >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
rm -f build-configure.log
ninja -C build aigw-serve aigw-token | tail -n 1

if curl -s -o /dev/null --max-time 2 "$base/healthz"; then
    echo "something already answers on $base; stop it, or choose another port: AIGW_PORT=8788 sh $0" >&2
    exit 1
fi

work=$(mktemp -d)
server=
stop() {
    trap - EXIT INT TERM
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap stop EXIT
trap 'stop; exit 0' INT TERM

# The client of the embedded issuer. The secret is made afresh for each run and travels by environment only.
GATEWAY_CLIENT_ID=dev
GATEWAY_CLIENT_SECRET=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
GATEWAY_TOKEN_ENDPOINT=$base/oauth2/token
export GATEWAY_CLIENT_ID GATEWAY_CLIENT_SECRET GATEWAY_TOKEN_ENDPOINT
XDG_CACHE_HOME=$work # aigw-token keeps its tokens there; nothing of this run is to stay
export XDG_CACHE_HOME

echo "== starting aigw-serve --dev on $base"
AIGW_DEV_CLIENT_SECRET=$GATEWAY_CLIENT_SECRET \
    build/bin/aigw-serve --dev --listen "127.0.0.1:$port" 2>"$work/server.log" &
server=$!
tries=0
until curl -s -o /dev/null "$base/healthz"; do
    tries=$((tries + 1))
    if [ $tries -ge 100 ] || ! kill -0 "$server" 2>/dev/null; then
        echo "the gateway did not come up:" >&2
        cat "$work/server.log" >&2
        exit 1
    fi
    sleep 0.1
done

echo "== fetching a token: aigw-token"
(umask 077; printf 'Authorization: Bearer %s\n' "$(build/bin/aigw-token)" >"$work/auth")
echo "   $(wc -c <"$work/auth" | tr -d ' ') bytes of header, kept out of the process list"

ask() { # TITLE PATH BODY [CURL ARGS...]
    title=$1 path=$2 body=$3
    shift 3
    printf '\n== %s\n' "$title"
    status=$(printf '%s' "$body" | curl -sN "$@" -o "$work/answer" -w '%{http_code}' \
        -H 'Content-Type: application/json' --data-binary @- "$base$path")
    cat "$work/answer"
    printf '\n   HTTP %s\n' "$status"
}
expect() { # STATUS TEXT
    [ "$status" = "$1" ] && grep -q "$2" "$work/answer" && return
    echo "expected HTTP $1 and $2" >&2
    cat "$work/server.log" >&2
    exit 1
}

hello='"messages":[{"role":"user","content":"hello, gateway"}]'
ask "OpenAI dialect" /v1/chat/completions "{\"model\":\"echo\",$hello}" -H "@$work/auth"
expect 200 '"chat.completion"'
ask "OpenAI dialect, streamed" /v1/chat/completions "{\"model\":\"echo\",\"stream\":true,$hello}" -H "@$work/auth"
expect 200 '\[DONE\]'
ask "Anthropic dialect" /v1/messages "{\"model\":\"echo\",\"max_tokens\":100,$hello}" -H "@$work/auth"
expect 200 '"type":"message"'
ask "Anthropic dialect, streamed" /v1/messages "{\"model\":\"echo\",\"max_tokens\":100,\"stream\":true,$hello}" -H "@$work/auth"
expect 200 'message_stop'
ask "Responses dialect, streamed" /v1/responses '{"model":"echo","stream":true,"input":"hello, gateway"}' -H "@$work/auth"
expect 200 'response.completed'
ask "Gemini dialect" /v1beta/models/echo:generateContent \
    '{"contents":[{"role":"user","parts":[{"text":"hello, gateway"}]}]}' -H "@$work/auth"
expect 200 '"candidates"'
ask "the same without a token" /v1/chat/completions "{\"model\":\"echo\",$hello}"
expect 401 '"error"'

cat <<TEXT

== all of it worked. Try next, in a second terminal, from this folder:

export GATEWAY_CLIENT_ID=$GATEWAY_CLIENT_ID GATEWAY_CLIENT_SECRET=$GATEWAY_CLIENT_SECRET
export GATEWAY_TOKEN_ENDPOINT=$GATEWAY_TOKEN_ENDPOINT
curl -N $base/v1/chat/completions -H "Authorization: Bearer \$(build/bin/aigw-token)" \\
  -H 'Content-Type: application/json' -d '{"model":"echo","stream":true,"messages":[{"role":"user","content":"hi"}]}'

TEXT

if [ -t 1 ]; then
    echo "The gateway runs until Ctrl-C."
    wait "$server" || true
fi
