"""LiteRT files: conversion, quantisation, metadata, and code that runs them."""
