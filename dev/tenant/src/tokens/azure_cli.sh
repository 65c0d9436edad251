# Stands in for the Azure CLI after `az login`. The lines above set: directory, user, person, client, authority, graph,
# cloud, graph_token, vault_token.

# The value of the option $1 among the other arguments.
option() {
    name=$1
    while shift && [ $# -gt 1 ]; do
        [ "$1" = "$name" ] && echo "$2" && return
    done
}

fail() {
    echo "$1" >&2
    exit 1
}

# The member $2 of the JSON object $1, which is the answer to a request.
member() {
    value=$(printf '%s' "$1" | sed -n "s/.*\"$2\":\"\([^\"]*\)\".*/\1/p")
    [ -n "$value" ] || fail "$1"
    echo "$value"
}

# The value $2, called $1: alone if the arguments ask for no more.
show() {
    case "$3" in
    *"--query $1 "*tsv*) echo "$2" ;;
    *) echo "{\"$1\":\"$2\",\"tenant\":\"$directory\",\"tokenType\":\"Bearer\"}" ;;
    esac
}

elsewhere=$(option --tenant "$@")
[ "${elsewhere:-$directory}" = "$directory" ] || [ "$1" = login ] || fail 'Run az login.'
case "$*" in
'login'*) echo "[{\"tenantId\":\"$directory\",\"user\":{\"name\":\"$user\",\"type\":\"user\"}}]" ;;
'cloud show'*) echo "$cloud" ;;
'account get-access-token --resource-type ms-graph'*) show accessToken "$graph_token" "$*" ;;
'account get-access-token --resource https://vault.azure.net'*) show accessToken "$vault_token" "$*" ;;
'account get-access-token --scope '*)
    scope=$(option --scope "$@")
    answer=$(curl -sS "$authority/emulator/token" --data-urlencode "person=$person" \
        --data-urlencode "client_id=$client" --data-urlencode "resource=${scope%/*}") || exit 1
    token=$(member "$answer" access_token) || exit 1
    show accessToken "$token" "$*"
    ;;
'ad app credential reset '*--append*)
    answer=$(curl -sS "$graph/v1.0/applications(appId='$(option --id "$@")')/addPassword" \
        -H 'content-type: application/json' -H "authorization: Bearer $graph_token" -d '{}') || exit 1
    password=$(member "$answer" secretText) || exit 1
    show password "$password" "$*"
    ;;
*)
    fail "This stands in for the Azure CLI and does not know: az $*
It knows: login; cloud show; account get-access-token with --resource-type ms-graph, --resource https://vault.azure.net \
or --scope; ad app credential reset --append."
    ;;
esac
