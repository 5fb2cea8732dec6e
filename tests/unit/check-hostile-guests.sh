#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What docs/hostile-guests.md names is there: usage check-hostile-guests.sh SOURCE-DIR BUILD-DIR
set -eu
doc=$1/docs/hostile-guests.md build=$2 n=0 bad=0

complain() {
	echo "docs/hostile-guests.md: $*"
	bad=1
}

# words LINE PATTERN: what stands in the line between backquotes and looks like that.
words() {
	printf '%s\n' "$1" | grep -oE "\`$2\`" | tr -d '`'
}

grep '^| ' "$doc" | tail -n +2 >"$build/check-hostile-guests.rows"
while IFS= read -r row; do
	cases=
	for program in $(words "$row" 'test[-_][a-z0-9_-]+'); do
		file=$(find "$build/tests" -type f -name "$program")
		if [ -z "$file" ]; then
			grep -rqE "(NAME|vmms_[a-z_]*test\() *$program( |\$)" "$1/tests" ||
				complain "there is no test $program"
			continue
		fi
		cases="$cases $("$file" -l | tr '\n' ' ')"
	done
	for path in $(words "$row" '/[a-z0-9_/-]+'); do
		n=$((n + 1))
		case " $cases " in
		*" $path "* | *" $path/"*) ;;
		*) complain "none of the tests beside it has $path" ;;
		esac
	done
	for target in $(words "$row" 'fuzz_[a-z0-9_]+'); do
		grep -rqE "\\b$target\\b" "$1/tests/fuzz" --include="*.cmake" --include=CMakeLists.txt ||
			complain "there is no target $target"
	done
done <"$build/check-hostile-guests.rows"
if [ "$n" -lt 20 ]; then complain "only $n cases were found in it: the check is out of date"; fi
exit $bad
