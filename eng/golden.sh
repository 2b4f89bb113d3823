#!/bin/bash
# golden.sh: makes again what test/Stele.Tests/Golden holds of the fold version that is not released yet (packs, receipts, what they come to, and the persisted names).
# Of released versions it changes nothing: to their names it only adds. Then it runs those tests.
set -eu
cd "$(dirname "$0")/.."

configuration=${1:-Debug}
dotnet build test/Stele.Tests -c "$configuration" -v q --nologo
tests=test/Stele.Tests/bin/$configuration/net10.0/Stele.Tests
STELE_GOLDEN=write "$tests" -noLogo -noColor -method 'Stele.Tests.Golden.GoldenPackTests.Of_every_version_both_worlds_are_kept' -method 'Stele.Tests.Golden.GoldenNameTests.Names_and_numbers_only_grow' -method 'Stele.Tests.Golden.GoldenReceiptTests.Of_both_worlds_one_of_every_kind_is_kept'
"$tests" -noLogo -noColor -class 'Stele.Tests.Golden.GoldenPackTests' -class 'Stele.Tests.Golden.GoldenNameTests' -class 'Stele.Tests.Golden.GoldenReceiptTests'
