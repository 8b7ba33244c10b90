set -eu
cd "${1:-/etc/haproxy/watchword}"
rm -f key-*.pem
watchword key export --pem | csplit --silent --elide-empty-files --prefix=key- --suffix-format=%d.pem - '/^# kid/' '{*}'
# The configuration names three files. Mostly there are two keys: the key that signs, and the next key.
for n in 1 2; do
    [ -e "key-$n.pem" ] || cp key-0.pem "key-$n.pem"
done
if [ -e key-3.pem ]; then
    echo "there are more than three keys: add a line for each to the configuration" >&2
    exit 1
fi
