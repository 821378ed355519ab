module github.com/emrbchain/emrbchain

go 1.26.0
