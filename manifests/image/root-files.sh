#!/bin/sh
# root-files.sh FOLDER PROGRAM…
# Makes FOLDER the root of an image with what the programs need of this Debian and nothing else: the packages that their
# libraries come from, a user, /tmp. What they are is left in var/lib/dpkg/status.d, where vulnerability scanners look.
set -eu
root=$1
shift

# The package of a file. Before Debian 13 packages still said /lib of what is in /usr/lib.
owner() {
  found=$(dpkg-query --search "$1" 2>/dev/null || dpkg-query --search "${1#/usr}")
  echo "${found%%:*}"
}

libraries=$(ldd "$@" | awk '$3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-/ { print $1 }' | sort -u)
packages=base-files
for library in $libraries; do
  library=$(realpath "$library")
  # A library that is part of Duoloop's own files belongs to no package.
  case $library in /usr/lib/*) packages="$packages $(owner "$library")" ;; esac
done
# A package's licence may be in the package that it was built with.
for package in $packages; do
  packages="$packages $(owner "$(realpath "/usr/share/doc/$package/copyright")")"
done

mkdir -p "$root/var/lib/dpkg/status.d"
for folder in bin lib lib64 sbin; do
  if [ -L "/$folder" ]; then mkdir -p "$root/usr/$folder" && ln -s "usr/$folder" "$root/$folder"; fi
done
# shellcheck disable=SC2086 # they are words
for package in $(printf '%s\n' $packages | sort -u); do
  # Character set conversions are half of libc6, and Node.js has its own.
  dpkg-query --listfiles "$package" | grep -v -e '/gconv' -e '^/\.$' | while read -r path; do
    if [ -e "$path" ] || [ -L "$path" ]; then echo "$path"; fi
  done | tar --create --no-recursion --files-from=- --file=- 2>/dev/null | tar --extract --directory="$root" --keep-directory-symlink
  dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
done

for file in /etc/nsswitch.conf /usr/local/LICENSE; do
  if [ -e "$file" ]; then mkdir -p "$root$(dirname "$file")" && cp "$file" "$root$file"; fi
done
printf 'root:x:0:0:root:/root:/usr/sbin/nologin\nduoloop:x:65532:65532:duoloop:/nonexistent:/usr/sbin/nologin\n' >"$root/etc/passwd"
printf 'root:x:0:\nduoloop:x:65532:\n' >"$root/etc/group"
mkdir -p "$root/tmp" "$root/usr/local/bin"
chmod 1777 "$root/tmp"
