set -eu
cd "${1:-/etc/haproxy/watchword}"
watchword key export --pem > exported # If this fails, the keys of the last time stay.
rm -f key-*.pem
csplit --silent --elide-empty-files --prefix=key- --suffix-format=%d.pem exported '/^# kid/' '{*}'
# The configuration names three files. Mostly there are two keys: the key that signs, and the next key.
for n in 1 2; do
    [ -e "key-$n.pem" ] || cp key-0.pem "key-$n.pem"
done
if [ -e key-3.pem ]; then
    echo "there are more than three keys: add a line for each to the configuration" >&2
    exit 1
fi
