#!/bin/sh
# intercept.sh [OPTIONS]     send the TCP traffic of this network namespace through its sidecar
#
#   --uid N                          user and group of the sidecar, whose traffic passes; 1337 if unset
#   --exclude-inbound-ports P,…      ports that clients reach without the sidecar
#   --exclude-outbound-ports P,…     ports to which the application connects without the sidecar
#   --exclude-outbound-ranges R,…    the same for addresses, IPv4 or IPv6: 10.0.0.0/8
#   --print                          show the rules and set none
#
# What arrives goes to port 15006, except for the sidecar's own ports; what leaves goes to 15001,
# except from the sidecar or to loopback. What the sidecar sends to an own address of the namespace
# is an arrival too. UDP is left alone, so DNS works. The rules are chains of their own in the table
# nat, set at once or not at all, for IPv4 and IPv6; running it again replaces them. It ends with a
# status other than 0 where traffic could pass without the sidecar. Needs root, or CAP_NET_ADMIN.
# Source: Istio's tools/istio-iptables.
set -eu

uid=1337 inbound_ports='' outbound_ports='' outbound_ranges='' print=''

fail() {
  echo "intercept.sh: $*" >&2
  exit 1
}

list() { # OPTION, LIST, PATTERN of an item: the items in lines
  [ -n "$2" ] || return 0
  echo "$2" | tr ',' '\n' | while IFS= read -r item; do
    echo "$item" | grep -Exq -e "$3" || fail "$1: \"$item\" is not like \"$4\""
    echo "$item"
  done
}

while [ $# -gt 0 ]; do
  case "$1" in
    --print) print=yes && shift && continue ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 0 ;;
    --*=*) option=${1%%=*} value=${1#*=} && shift ;;
    --*) option=$1 value=${2-} && shift && [ $# -gt 0 ] && shift ;;
    *) fail "$1: an option begins with --" ;;
  esac
  case "$option" in
    --uid) uid=$value ;;
    --exclude-inbound-ports) inbound_ports=$value ;;
    --exclude-outbound-ports) outbound_ports=$value ;;
    --exclude-outbound-ranges) outbound_ranges=$value ;;
    *) fail "$option: no such option; see --help" ;;
  esac
done

port='[1-9][0-9]{0,4}'
uid=$(list --uid "${uid:-none}" '[1-9][0-9]{0,8}' 1337)
inbound_ports=$(list --exclude-inbound-ports "$inbound_ports" "$port" 22)
outbound_ports=$(list --exclude-outbound-ports "$outbound_ports" "$port" 5432)
outbound_ranges=$(list --exclude-outbound-ranges "$outbound_ranges" \
  '[0-9.]+(/[0-9]{1,2})?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(/[0-9]{1,3})?' 10.0.0.0/8)

ranges() { # 4 or 6: the excluded ranges of that family
  if [ "$1" = 6 ]; then option= ; else option=-v; fi
  [ -z "$outbound_ranges" ] || echo "$outbound_ranges" | grep $option ':' || true
}

rules() { # 4 or 6, what is set already: the input of iptables-restore
  case "$1" in
    4) loopback=127.0.0.0/8 passed_on=127.0.0.6/32 ;;
    6) loopback=::1/128 passed_on=::6/128 ;;
  esac
  echo '*nat'
  echo ':MESH_INBOUND - [0:0]'
  echo ':MESH_OUTPUT - [0:0]'
  # Last in their chains: the rules that Docker has for its DNS stay first.
  for jump in 'PREROUTING -p tcp -j MESH_INBOUND' 'OUTPUT -p tcp -j MESH_OUTPUT'; do
    echo "$2" | grep -Fxq -e "-A $jump" || echo "-A $jump"
  done
  # The sidecar's admin interface, its metrics and its probes are not the application's.
  for p in 15000 15020 15021 15090 $inbound_ports; do
    echo "-A MESH_INBOUND -p tcp --dport $p -j RETURN"
  done
  echo '-A MESH_INBOUND -p tcp -j REDIRECT --to-ports 15006'
  # What the sidecar hands to its application comes from this address.
  echo "-A MESH_OUTPUT -s $passed_on -o lo -j RETURN"
  echo "-A MESH_OUTPUT ! -d $loopback -o lo -p tcp -m owner --uid-owner $uid -j REDIRECT --to-ports 15006"
  echo "-A MESH_OUTPUT -o lo -m owner ! --uid-owner $uid -j RETURN"
  echo "-A MESH_OUTPUT -m owner --uid-owner $uid -j RETURN"
  echo "-A MESH_OUTPUT -m owner --gid-owner $uid -j RETURN"
  echo "-A MESH_OUTPUT -d $loopback -j RETURN"
  for p in $outbound_ports; do
    echo "-A MESH_OUTPUT -p tcp --dport $p -j RETURN"
  done
  for range in $(ranges "$1"); do
    echo "-A MESH_OUTPUT -d $range -j RETURN"
  done
  echo '-A MESH_OUTPUT -p tcp -j REDIRECT --to-ports 15001'
  echo 'COMMIT'
}

if [ -n "$print" ]; then
  rules 4 '' | sed 's/^/iptables: /'
  rules 6 '' | sed 's/^/ip6tables: /'
  exit 0
fi

PATH=$PATH:/usr/sbin:/sbin
command -v iptables-restore >/dev/null || fail 'no iptables-restore: install the package iptables'

# The iptables of some kernels is the legacy one.
flavour=
iptables-save -t nat >/dev/null 2>&1 || flavour=-legacy
present=$("iptables$flavour-save" -t nat) || fail 'the table nat is not to be had: not root, or no CAP_NET_ADMIN'
rules 4 "$present" | "iptables$flavour-restore" --noflush --wait 5 || fail 'the rules for IPv4 were not set'

has_ipv6() { grep -q . /proc/net/if_inet6 2>/dev/null; }

if present=$("ip6tables$flavour-save" -t nat 2>/dev/null) &&
  rules 6 "$present" | "ip6tables$flavour-restore" --noflush --wait 5; then
  # By IPv6 the sidecar hands on from ::6, which unlike 127.0.0.6 must be made an address.
  ! has_ipv6 || ip -6 address replace ::6/128 dev lo nodad ||
    echo 'intercept.sh: without the address ::6 nothing arrives by IPv6' >&2
elif has_ipv6; then
  fail 'the rules for IPv6 were not set, and there are IPv6 addresses'
fi
