// Package main breaks nothing: it may know taps and nodes.
package main

import (
	_ "github.com/emrbchain/emrbchain/chain/node"
	_ "github.com/emrbchain/emrbchain/plugins/mysql"
)
