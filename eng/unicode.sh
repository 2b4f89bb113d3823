#!/bin/bash
# unicode.sh [DIR]: writes src/Cel/Regex/UnicodeTables.cs from the data files of Unicode 15.0.0, as Debian 12's package unicode-data
# has them in /usr/share/unicode. The tables are part of the language version: another Unicode version is another language version,
# so files that are not exactly these are refused.
set -eu
cd "$(dirname "$0")/.."
data=${1:-/usr/share/unicode}
out=src/Cel/Regex/UnicodeTables.cs

(cd "$data" && sha256sum --check --quiet --strict) >&2 <<'SUMS' || { echo "stele: error: $data does not hold the data files of Unicode 15.0.0" >&2; echo "stele: hint: apt-get install unicode-data on Debian 12, or name the folder that holds UnicodeData.txt" >&2; exit 2; }
806e9aed65037197f1ec85e12be6e8cd870fc5608b4de0fffd990f689f376a73  UnicodeData.txt
cca85d830f46aece2e7c1459ef1249993dca8f2e46d51e869255be140d7ea4b0  Scripts.txt
cdd49e55eae3bbf1f0a3f6580c974a0263cb86a6a08daa10fbf705b4808a56f7  CaseFolding.txt
SUMS

perl - "$data" >"$out.new" <<'PERL'
use strict;
use warnings;
my $dir = shift;

# Whole numbers in base 36, lower case: names begin with a capital, so that both may stand in one row.
sub b36 { my ($n, $s) = (shift, ''); do { $s = substr('0123456789abcdefghijklmnopqrstuvwxyz', $n % 36, 1) . $s; $n = int($n / 36) } while $n; $s }

my (%category, %script);
open my $f, '<', "$dir/UnicodeData.txt" or die; my $first;
while (<$f>) {
    my ($code, $name, $general) = (split /;/)[0, 1, 2];
    $code = hex $code;
    if ($name =~ /, First>$/) { $first = $code; next }
    push @{$category{$general}}, [$name =~ /, Last>$/ ? $first : $code, $code];
}
open $f, '<', "$dir/Scripts.txt" or die;
while (<$f>) { push @{$script{$3}}, [hex $1, hex($2 // $1)] if /^([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*(\w+)/ }

sub tokens {
    my @ranges;
    for (sort { $a->[0] <=> $b->[0] } @_) {
        if (@ranges && $ranges[-1][1] + 1 == $_->[0]) { $ranges[-1][1] = $_->[1] } else { push @ranges, [@$_] }
    }
    my ($at, @tokens) = (0);
    for (@ranges) {
        my ($lo, $hi) = @$_;
        push @tokens, b36($lo - $at) . ($hi > $lo ? ':' . b36($hi - $lo) : '');
        $at = $hi + 1;
    }
    runs(@tokens);
}

# Equal neighbours as one with a count.
sub runs {
    my @out;
    for (@_) { if (@out && $out[-1][0] eq $_) { $out[-1][1]++ } else { push @out, [$_, 1] } }
    map { $_->[0] . ($_->[1] > 1 ? '*' . b36($_->[1]) : '') } @out;
}

sub lines {
    my ($line, @lines) = ('');
    for (@_) {
        if (length($line) + length($_) > 150) { push @lines, $line; $line = '' }
        $line .= ($line eq '' ? '' : ' ') . $_;
    }
    join "\n", map { "        $_" } @lines, $line;
}

# Simple case folding: C and S. A token is the distance from the last code point that folds, and where it folds to, as a signed distance.
my ($at, @folds) = (0);
open $f, '<', "$dir/CaseFolding.txt" or die;
my %fold;
while (<$f>) { $fold{hex $1} = hex $3 if /^([0-9A-F]+); ([CS]); ([0-9A-F]+);/ }
for (sort { $a <=> $b } keys %fold) {
    my $d = $fold{$_} - $_;
    push @folds, b36($_ - $at) . ($d < 0 ? '-' : '+') . b36(abs $d);
    $at = $_;
}

my $categories = lines(map { ($_, tokens(@{$category{$_}})) } sort keys %category);
my $scripts = lines(map { ($_, tokens(@{$script{$_}})) } sort keys %script);
my $folding = lines(runs(@folds));
print <<"CS";
namespace Cel.Regex;

// Written by eng/unicode.sh; not by hand.
// Derived from the Unicode Character Database 15.0.0. Copyright 1991-2022 Unicode, Inc. SPDX-License-Identifier: Unicode-DFS-2016

/// <summary>
/// Unicode's general categories, scripts and simple case folding as the language knows them, whatever the runtime and its libraries know.
/// Numbers are in base 36. A name is followed by its ranges: <c>gap:length</c>, where the gap counts from the end of the last range and
/// the length is one less than the range's, left out if 0; <c>*n</c> is n of them in a row. Folding has <c>gap+distance</c> or <c>gap-distance</c>.
/// </summary>
internal static class UnicodeTables
{
    public const string Version = "15.0.0";

    public static ReadOnlySpan<byte> Categories => """
$categories
        """u8;

    public static ReadOnlySpan<byte> Scripts => """
$scripts
        """u8;

    public static ReadOnlySpan<byte> Folding => """
$folding
        """u8;
}
CS
PERL
mv "$out.new" "$out"
