#!/bin/bash
# `answers PORT PATH`: whether a server in this container answers with 200. A health check is made
# every few seconds, so it costs no start of Python.
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3
read -r _ status _ <&3
[[ $status == 200 ]]
