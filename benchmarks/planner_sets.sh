#!/usr/bin/env bash
# bash benchmarks/planner_sets.sh FOLDER: public data sets for `benchmarks.planner`.
#
# Clones each repository into FOLDER/clones/OWNER+NAME (one that is there is kept), and
# writes records into FOLDER/records. Nothing of them is part of kerasseg; their licences:
# crack and cwfid are for non-commercial research, football MIT, the others say none.
set -euo pipefail
cd "$1"
mkdir -p clones raw records
prepare() { python -m kerasseg.prepare "$@"; }

taken() { # OWNER NAME PART SET: the folder PART of a repository as raw/SET
    local clone="clones/$1+$2"
    [ -d "$clone" ] || git clone -q --depth 1 "https://github.com/$1/$2" "$clone"
    rm -rf "raw/$4"
    cp -r "$clone/$3" "raw/$4"
    rm -rf "raw/$4/.git"
}

# Thin cracks in asphalt, 118 images. 255 is the crack; 3 and 4 are strays.
taken Oraer CrackForestDataSet-seg . crack
printf '0,background\n3,ignore\n4,crack\n255,crack\n' > crack.csv
prepare folder raw/crack records/crack --images images --masks masks --map crack.csv

# Carrots and weeds, 60 images of 966x1296.
taken cwfid dataset . cwfid
printf 'soil 0 0 0\ncrop 0 255 0\nweed 255 0 0\n' > cwfid.txt
prepare folder raw/cwfid records/cwfid --images images --masks annotations \
    --legend cwfid.txt

# Football matches, 100 frames, 11 classes.
taken sahankrt20 Football-Match-Semantic-Segmentation . football
prepare folder raw/football records/football --images images --masks masks \
    --legend "raw/football/Labels and Colors.csv" --size 540 960

# Teeth in panoramic X-rays, 116 images of one band.
taken razvan404 dental-data-segmentation data dental
prepare folder raw/dental records/dental --images original --masks masks \
    --threshold 128 --size 512 1216

# Vessels of the retina: all 40 images of DRIVE, not its official split.
taken mipple1986 data DRIVE/datasets eye
mv raw/eye/training raw/eye/a
mv raw/eye/testing raw/eye/b
prepare folder raw/eye records/eye --images images --masks 1st_manual \
    --strip _training _test _manual1 --binary

# Trains from the side, 189 images.
taken lusiwei0513 semantic-segmentation-dataset 02_baselines_unet_deeplab/data_unet/side rail
printf '0,background\n1,body\n2,windshield\n3,bogie\n4,door\n' > rail.csv
prepare folder raw/rail records/rail --map rail.csv --size 384 1536

# Diseases of rice leaves: every fifth of 1,991 images, some of them turned copies.
taken ZhouGuoXiong Rice-Leaf-Disease-Segmentation-Dataset-Code RICE/VOC2012 rice
rm -rf raw/rice/ImageSets
for part in JPEGImages SegmentationClass; do
    find "raw/rice/$part" -type f | LC_ALL=C sort | awk 'NR % 5 != 1' | tr '\n' '\0' |
        xargs -0 rm
done
prepare auto raw/rice records/rice
