# A big variable space, as the libraries of a real stack leave it: 900 functions
# (about 660 KB as declare -f prints them) and 1,500 variables (about 75 KB). The
# measurements of snapshots and restores source it; it prints nothing. Another
# number of functions may be its argument: variables keep the proportion.

base_functions=${1:-900}
base_variables=$(( base_functions * 5 / 3 ))

base_templates=(
'configure_@N@() {
    local file=$1 section=${2:-DEFAULT} option value line
    if [[ ! -r $file ]]; then
        echo "configure_@N@: cannot read $file" >&2
        return 1
    fi
    while IFS="=" read -r option value; do
        option=${option%%[[:space:]]*}
        [[ -z $option || $option == \#* ]] && continue
        if grep -q "^\[$section\]" "$file"; then
            sed -i -e "/^\[$section\]/,/^\[.*\]/ s|^\($option[ \t]*=[ \t]*\).*\$|\1$value|" "$file"
        else
            printf "\n[%s]\n%s = %s\n" "$section" "$option" "$value" >> "$file"
        fi
    done < <(sort "$file.@N@" | uniq)
}'
'write_unit_@N@() {
    local name=$1 command=$2 user=${3:-nobody} group=$4
    local unit="/etc/systemd/system/service-@N@-$name.service" extra=""
    if [[ -n $group ]]; then
        extra="Group=$group"
    fi
    case "$name" in
        api | web-*)
            extra+=", LimitNOFILE=65536"
            ;;
        worker-[0-9]* | *-agent)
            extra+=" KillMode=process"
            ;;
        *)
            echo "write_unit_@N@: $name has no class" 1>&2
            ;;
    esac
    cat > "$unit" <<UNIT
[Unit]
Description = Service @N@ $name
After = network.target

[Service]
ExecStart = $command
User = $user
$extra
Restart = on-failure

[Install]
WantedBy = multi-user.target
UNIT
    systemctl daemon-reload && systemctl enable "${unit##*/}"
}'
'wait_for_@N@() {
    local url=$1 seconds=${2:-60} started=$SECONDS code=""
    until [[ $code == 200 || $code == 300 ]]; do
        if (( SECONDS - started > seconds )); then
            echo "wait_for_@N@: $url does not answer after ${seconds}s (last: ${code:-nothing})"
            return 124
        fi
        code=$(curl --silent --output /dev/null --max-time 5 --write-out "%{http_code}" "$url" || true)
        sleep $(( 1 + (SECONDS - started) / 10 ))
    done
    if is_enabled "service-@N@" && [[ -z ${QUIET:-} ]]; then
        echo "service-@N@ answers with $code after $(( SECONDS - started )) seconds"
    elif ! is_enabled "service-@N@"; then
        echo "service-@N@ is not enabled, but something answers at $url" >&2
    fi
}'
'is_enabled_@N@() {
    local services=$* service enabled=1
    local -A seen=()
    for service in ${services//,/ }; do
        seen[$service]=$(( ${seen[$service]:-0} + 1 ))
        [[ ,${ENABLED_SERVICES}, =~ ,${service}, ]] && enabled=0
        case $service in
            n-@N@-*) [[ ${ENABLED_SERVICES} =~ n-api ]] && enabled=0 ;;
            q-* | neutron-*)
                if [[ ${ENABLED_SERVICES} =~ q- || ${ENABLED_SERVICES} =~ neutron ]]; then
                    enabled=0
                fi
                ;;
            s-proxy | s-object) [[ ${ENABLED_SERVICES} =~ s- ]] && enabled=0 ;;
        esac
        if [[ -f ${TOP_DIR:-.}/enabled/$service.@N@ ]]; then
            enabled=0
        fi
    done
    return $enabled
}'
'create_database_@N@() {
    local db=$1 user=${2:-root} host=${3:-127.0.0.1} statement
    for statement in "DROP DATABASE IF EXISTS $db;" "CREATE DATABASE $db CHARACTER SET utf8;" \
        "GRANT ALL PRIVILEGES ON $db.* TO '"'"'$user'"'"'@'"'"'%'"'"' IDENTIFIED BY '"'"'${DATABASE_PASSWORD:-secret}'"'"';"; do
        if ! mysql --user="$user" --host="$host" --batch --execute="$statement" 2>&1 | tee -a "${LOGDIR:-/tmp}/db-@N@.log"; then
            echo "create_database_@N@: failed: $statement" >&2
            return 1
        fi
    done
    {
        echo "[database]"
        echo "connection = mysql+driver://$user@$host/$db?charset=utf8"
        echo "max_pool_size = ${API_WORKERS:-4}"
    } > "/etc/service/@N@.conf"
    chmod 0640 "/etc/service/@N@.conf"
}'
'checkout_@N@() {
    local remote=$1 target=$2 ref=${3:-master} offline
    offline=$(trueorfalse False OFFLINE)
    if [[ $offline == True && ! -d $target ]]; then
        echo "checkout_@N@: $target is not there, and OFFLINE is set"
        exit 1
    fi
    if echo "$ref" | grep -E -q "^refs"; then
        [[ -d $target ]] || git clone --no-checkout "$remote" "$target"
        cd "$target" && git fetch "$remote" "$ref" && git checkout FETCH_HEAD
    elif [[ ! -d $target ]]; then
        git clone "$remote" "$target" --branch "$ref" || { rm -rf "$target"; return 1; }
    else
        pushd "$target" > /dev/null
        git remote set-url origin "$remote"
        find . -name "*.pyc" -delete
        git checkout -f "$ref" || git checkout -b "$ref" -t "origin/$ref"
        popd > /dev/null
    fi
}'
'install_packages_@N@() {
    local -a wanted=("$@") missing=()
    local package pid status=0
    [[ -n ${wanted[*]} ]] || return 0
    for package in "${wanted[@]}"; do
        if ! dpkg-query --show --showformat "\${Status}\n" "$package" 2> /dev/null | grep -q "ok installed"; then
            missing+=("$package")
        fi
    done
    if (( ${#missing[@]} == 0 )); then
        return 0
    fi
    time_start "install-@N@"
    for package in "${missing[@]}"; do
        ( exec > "/tmp/install-@N@-$package.log" 2>&1; apt-get --yes install "$package" ) &
        pid=$!
        wait "$pid" || status=$?
        [[ $status -ne 0 ]] && echo "install_packages_@N@: $package failed with $status: see /tmp/install-@N@-$package.log"
    done
    time_stop "install-@N@"
    return $status
}'
'address_@N@() {
    local network=$1 index=${2:-1} octets i sum=0 version=4
    if [[ $network == *:* ]]; then
        version=6
        network=${network%%::*}
        printf "%s::%x\n" "$network" $(( index << 1 | @N@ & 255 ))
        return
    fi
    IFS=. read -r -a octets <<< "${network%/*}"
    for (( i = 0; i < 4; i++ )); do
        (( sum = sum * 256 + ${octets[i]:-0} ))
    done
    (( sum += index ))
    printf "%d.%d.%d.%d\n" $(( sum >> 24 & 255 )) $(( sum >> 16 & 255 )) $(( sum >> 8 & 255 )) $(( sum & 255 ))
}'
)

base_n=0
while (( base_n < base_functions )); do
    eval "${base_templates[base_n % ${#base_templates[@]}]//@N@/$base_n}"
    if (( base_n % 50 == 0 )); then export -f "configure_$base_n" 2>/dev/null || :; fi
    (( ++base_n ))
done

base_n=0
while (( base_n < base_variables )); do
    case $(( base_n % 10 )) in
    0) declare -x "SVC_${base_n}_HOST=192.0.2.$(( base_n % 250 ))" ;;
    1) declare "SVC_${base_n}_DIR=/opt/stack/service-$base_n" ;;
    2) declare -i "SVC_${base_n}_PORT=$(( 8000 + base_n ))" ;;
    3) declare "svc_${base_n}_conf=/etc/service/$base_n.conf" ;;
    4) declare -r "SVC_${base_n}_ROOT=/usr/lib/service" ;;
    5) declare -a "svc_${base_n}_list=(api-$base_n agent db)" ;;
    6) declare -A "svc_${base_n}_map=([host]=a$base_n [port]=$base_n)" ;;
    7) declare "SVC_${base_n}_ARGS=--config \"/etc/service/$base_n\" --name '$base_n'" ;;
    8) declare "SVC_${base_n}_NOTE=first line"$'\n'"second line $base_n" ;;
    9) declare -x "SVC_${base_n}_URL=http://192.0.2.1:$base_n/v1" ;;
    esac
    (( ++base_n ))
done
unset base_templates base_n base_functions base_variables
