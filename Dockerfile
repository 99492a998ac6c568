# The working directory is /work: docker run --rm -v "$PWD:/work:ro" fpmlint
FROM golang:1.26-trixie AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/fpmlint ./cmd/fpmlint

FROM scratch
COPY --from=build /out/fpmlint /usr/local/bin/fpmlint
USER 65534:65534
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/fpmlint"]
CMD ["lint", "."]
