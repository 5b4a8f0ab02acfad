#!/bin/sh
# Asks a bot, and acts on its reply: ask.sh THREAD TEXT [OPTIONS]. FLOWAI_API_KEY holds the key.
reply=$(flowai ask "$@")
case $? in
    0) printf 'The bot says: %s\n' "$reply" ;;
    5) echo "The bot was asked, and did not reply. Asking again would say it twice." ;;
    *) exit 1 ;; # flowai has said why
esac
