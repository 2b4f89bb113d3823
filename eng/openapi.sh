#!/bin/bash
# openapi.sh: writes docs/openapi again, from the routes and views of server and node; then holds it against them.
set -eu
cd "$(dirname "$0")/.."

configuration=${1:-Debug}
dotnet build test/Stele.Tests -c "$configuration" -v q --nologo
tests=test/Stele.Tests/bin/$configuration/net10.0/Stele.Tests
STELE_OPENAPI=write "$tests" -noLogo -noColor -method '*OpenApiTests.The_documents_are_those_of_the_routes'
"$tests" -noLogo -noColor -class '*OpenApiTests'
