#!/bin/sh
# Renders drawings/*.svg, which are the sources, to the pictures that are installed.
# Needs rsvg-convert (Debian: librsvg2-bin). Run it by hand after a drawing has changed.
set -eu
cd "$(dirname "$0")"
for drawing in drawings/*.svg; do
  rsvg-convert --width 448 --height 448 --output "$(basename "$drawing" .svg).png" "$drawing"
done
