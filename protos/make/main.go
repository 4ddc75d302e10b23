// Writes a FileDescriptorSet: of every proto file that Envoy's Go API package registers, or of SPIFFE's Workload API alone, with its
// imports, in dependency order. Run through make.sh, which makes imports.go from the package list first.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"sort"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	files := map[string]protoreflect.FileDescriptor{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		files[file.Path()] = file
		return true
	})
	const workload = "workload.proto"
	paths := []string{workload}
	if os.Args[1] != "spiffe" {
		paths = nil
		for path := range files {
			if path != workload {
				paths = append(paths, path)
			}
		}
	}
	sort.Strings(paths)
	set := &descriptorpb.FileDescriptorSet{}
	done := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		file, known := files[path]
		if !known || done[path] {
			return
		}
		done[path] = true
		imports := file.Imports()
		for i := 0; i < imports.Len(); i++ {
			visit(imports.Get(i).Path())
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	for _, path := range paths {
		visit(path)
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		panic(err)
	}
	var zipped bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if _, err := writer.Write(raw); err != nil {
		panic(err)
	}
	if err := writer.Close(); err != nil {
		panic(err)
	}
	if err := os.WriteFile(os.Args[2], zipped.Bytes(), 0o644); err != nil {
		panic(err)
	}
	fmt.Printf("%d files, %d bytes, sha256 of the uncompressed set %x\n", len(set.File), len(raw), sha256.Sum256(raw))
}
