"""By which files each data set is recognised: names that no other set has.

A set that only shares its layout with many others (images/ and masks/) is not told by
that: marks ask for names of the set's own files, so that no other set is taken for it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """Files that only data of one adapter have.

    files: patterns of `listing.expression`, each of which must fit a path. without:
    patterns that must fit none. flags: what the adapter must be told for this form.
    over: other kinds that its files are too and which are not meant, each with the
    beginning of their paths.
    """

    kind: str
    files: tuple[str, ...]
    flags: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    over: tuple[tuple[str, str], ...] = ()


_CAMVID = "{####TP,####R0,####E5,Seq##VD}_*.png"
_VOLUME = "*.{nii,nii.gz,nrrd,mha,mhd}"
_IMAGES = "{images,image,imagesTr,img,imgs,scans,volumes}"
_LABELS = "{labels,label,labelsTr,masks,mask,segmentations,gt}"
_CAR = "[0-9a-f]" * 12
_ACDC = "{fog,night,rain,snow}/*/*"
_BDD = "{,bdd100k/}"

VOC = "{,VOC####/,VOCdevkit/VOC####/}"
"""Where a year of PASCAL VOC may lie."""
MARKS = (
    Mark(
        "acdc",
        (
            f"{{rgb_anon,rgb_anon_trainvaltest/rgb_anon}}/{_ACDC}/*_rgb_anon.png",
            f"{{gt,gt_trainval/gt}}/{_ACDC}/*_gt_label*.png",
        ),
    ),
    Mark("ade20k", ("images/*/ADE_*.jpg", "annotations/*/ADE_*.png")),
    Mark(
        "ade20k",
        (
            "objectInfo150.txt",
            "images/{training,validation}/*.jpg",
            "annotations/{training,validation}/*.png",
        ),
        without=("images/*/ADE_*.jpg",),
    ),
    Mark(
        "apolloscape",
        (
            "{*/Label/*,Label/*/*}/*/*_{bin,instanceIds}.png",
            "{*/ColorImage/*,ColorImage/*/*}/*/*.jpg",
        ),
    ),
    Mark(
        "bdd100k",
        (
            f"{_BDD}images/10k/{{train,val}}/*.jpg",
            f"{_BDD}labels/sem_seg/masks/{{train,val}}/*.png",
        ),
    ),
    Mark(
        "bdd100k",
        (
            f"{_BDD}seg/images/{{train,val}}/*.jpg",
            f"{_BDD}seg/labels/{{train,val}}/*_train_id.png",
        ),
    ),
    Mark(
        "bdd100k",
        (
            f"{_BDD}images/100k/{{train,val}}/*.jpg",
            f"{_BDD}{{labels/drivable/masks/*/*,drivable_maps/labels/*/*_id}}.png",
        ),
        ("--labels", "drivable"),
    ),
    *(
        Mark(
            "bdd100k",
            (
                f"{_BDD}images/100k/{{train,val}}/*.jpg",
                f"{_BDD}labels/lane/masks/{{train,val}}/*.png",
            ),
            ("--labels", labels),
        )
        for labels in ("lanes", "lane-directions", "lane-styles")
    ),
    Mark(
        "camvid",
        (
            f"{{train,val,test}}/{_CAMVID}",
            f"{{train,val,test}}{{annot,_labels}}/{_CAMVID}",
        ),
    ),
    Mark("camvid", ("701_StillsRaw_full/*.png", "LabeledApproved_full/*_L.png")),
    Mark("carvana", ("train/*_##.jpg", "train_masks/*_##_mask.gif")),
    Mark(
        "carvana",
        (f"train/{_CAR}_##.jpg", f"train_masks/{_CAR}_##_mask.png"),
    ),
    Mark("carvana", ("train/*_##.jpg", "train_masks.csv"), without=("train_masks/*",)),
    Mark(
        "carvana",
        ("train_hq/*_##.jpg", "train_masks{.csv,/*_##_mask.gif}"),
        ("--images", "train_hq"),
        without=("train/*",),
    ),
    Mark(
        "cityscapes",
        (
            "leftImg8bit/*/*/*_######_######_leftImg8bit.png",
            "gtFine/*/*/*_######_######_gtFine_*",
        ),
        over=(("coco_panoptic", "gtFine/"),),
    ),
    Mark(
        "cityscapes",
        (
            "leftImg8bit/*/*/*_######_######_leftImg8bit.png",
            "gtCoarse/*/*/*_######_######_gtCoarse_*",
        ),
        ("--coarse",),
        without=("gtFine/*/*/*_######_######_gtFine_*",),
    ),
    Mark(
        "coco_stuff",
        (
            "stuffthingmaps{,_trainval2017}/{train,val}2017/*.png",
            "{,images/}{train,val}2017/*.jpg",
        ),
    ),
    Mark(
        "coco_stuff",
        (
            "{,annotations/}stuff_{train,val}2017{.json,_pixelmaps/*.png}",
            "{,images/}{train,val}2017/*.jpg",
        ),
        without=("stuffthingmaps{,_trainval2017}/*/*.png",),
    ),
    Mark("dsb2018", ("stage1_train/*/images/*.png", "stage1_train/*/masks/*.png")),
    Mark(
        "dsb2018",
        ("stage1_train/*/images/*.png", "stage1_train_labels.csv"),
        without=("stage1_train/*/masks/*.png",),
    ),
    Mark("dstl", ("train_wkt_v4.csv", "{three,sixteen}_band/*.tif")),
    Mark(
        "idd",
        (
            "leftImg8bit/*/#*/{,frame}##*_leftImg8bit.{png,jpg}",
            "gtFine/*/#*/{,frame}##*_gtFine_{polygons.json,label*.png}",
        ),
    ),
    Mark("isaid", ("{train,val}/**/*_instance_color_RGB.png", "{train,val}/**/P####*")),
    Mark(
        "isaid",
        ("img_dir/{train,val}/*.png", "ann_dir/{train,val}/*_instance_color_RGB.png"),
    ),
    Mark("isbi2012", ("train-volume.tif", "train-labels.tif")),
    Mark(
        "kitti",
        (
            "training/image_2/######_##.png",
            "training/{semantic,instance}/######_##.png",
        ),
    ),
    Mark(
        "loveda",
        (
            "{Train,Val}/{Rural,Urban}/images_png/*.png",
            "{Train,Val}/{Rural,Urban}/masks_png/*.png",
        ),
    ),
    Mark(
        "mapillary",
        (
            "config{,_v1.2,_v2.0}.json",
            "{training,validation}/images/*.jpg",
            "{training,validation}/{,v1.2/,v2.0/}{labels,instances}/*.png",
        ),
        over=(("coco_panoptic", "training/"), ("coco_panoptic", "validation/")),
    ),
    Mark(  # folders of other names, which the adapter asks to rename
        "mapillary",
        (
            "config_v{1.2,2.0}.json",
            "{train,val}/images/*.jpg",
            "{train,val}/{v1.2,v2.0}/{labels,instances}/*.png",
        ),
        over=(("coco_panoptic", "train/"), ("coco_panoptic", "val/")),
    ),
    Mark(
        "pascal_context",
        (
            f"{VOC}SegmentationClassContext/####_######.png",
            f"{VOC}ImageSets/SegmentationContext/*.txt",
        ),
    ),
    Mark(
        "pascal_context",
        (f"{VOC}trainval/####_######.mat", f"{VOC}JPEGImages/####_######.jpg"),
    ),
    Mark("sbd", ("{,dataset/}img/*.jpg", "{,dataset/}cls/*.mat")),
    Mark(
        "wilddash",
        ("images/[a-z][a-z]####_######.jpg", "labels/[a-z][a-z]####_######.png"),
        over=(("coco_panoptic", "panoptic.json"),),
    ),
    Mark(
        "wilddash",
        ("images/[a-z][a-z]####_######.jpg", "panoptic.json", "panoptic/*.png"),
        without=("labels/*.png",),
        over=(("coco_panoptic", "panoptic.json"),),
    ),
    Mark(
        "voc_masks",
        (
            "{,*/,*/*/}SegmentationClass{,PNG}/*.{png,tif,bmp,gif}",
            "{,*/,*/*/}{labelmap,label_map,class_names}.txt",
        ),
        over=(("pascal_voc", ""),),
    ),
    Mark("volumes", ("dataset.json", f"imagesTr/{_VOLUME}", f"labelsTr/{_VOLUME}")),
    Mark(
        "volumes",
        (
            f"{{,train/,training/}}{_IMAGES}/{_VOLUME}",
            f"{{,train/,training/}}{_LABELS}/{_VOLUME}",
        ),
        without=("dataset.json",),
    ),
    Mark("volumes", (f"{_IMAGES}/*/*.{{dcm,DCM,ima,IMA}}", f"{_LABELS}/{_VOLUME}")),
)
